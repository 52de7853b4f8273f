package pricing

import "invoq"

// offBoth returns the share that two discounts take together, the second off
// what the first has left: 1 − (1 − a) × (1 − b). Spot prices come off first.
func offBoth(spot, discount invoq.Decimal) invoq.Decimal {
	// Fast path: most usage is not interruptible.
	if spot.IsZero() {
		return discount
	}
	return one.Sub(one.Sub(spot).Mul(one.Sub(discount)))
}
