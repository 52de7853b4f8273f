package pricing

import "invoq"

// shortfall returns the steps of what a closed month's charge lacks to its
// minimum; none where it lacks nothing.
func shortfall(charged, minimum invoq.Decimal) []invoq.LineStep {
	if charged.Cmp(minimum) >= 0 {
		return nil
	}
	return []invoq.LineStep{
		{Label: "minimum", Amount: minimum},
		{Label: "charged", Amount: charged.Neg()},
	}
}
