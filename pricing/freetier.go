package pricing

import "invoq"

// pools are the free units of one month that rates of a pool have used up.
type pools map[string]invoq.Decimal

// free returns how many of the month's units so far the free tier covers. It
// is taken off the month's sum, before any price or tier sees it, so it is
// used once however the month is cut. A shared pool serves the rates in the
// order in which they ask.
func (p pools) free(r *rate, quantity invoq.Decimal) invoq.Decimal {
	// Fast path: most rates have none.
	if r.FreePerMonth.IsZero() {
		return invoq.Decimal{}
	}
	left := r.FreePerMonth.Sub(p[r.FreePool])
	free := quantity.Min(left)
	if r.FreePool != "" {
		p[r.FreePool] = p[r.FreePool].Add(free)
	}
	return free
}
