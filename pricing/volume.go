package pricing

import "invoq"

// volumeTier returns the index of the tier in which the last billable unit
// lies. Its price is that of all units of the month: at a tier's bound the
// charge jumps, which is what volume prices are.
func volumeTier(billable invoq.Decimal, tiers []tier) int {
	for i, t := range tiers {
		if t.open || billable.Cmp(t.upTo) <= 0 {
			return i
		}
	}
	panic("BUG: the last tier has an end")
}
