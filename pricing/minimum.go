package pricing

import "invoq"

// shortfall returns what a closed month's charge lacks to its minimum.
func shortfall(charged, minimum invoq.Decimal) invoq.Decimal {
	return minimum.Sub(charged).Max(invoq.Decimal{})
}
