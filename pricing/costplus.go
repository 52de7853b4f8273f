package pricing

import "invoq"

// costPlus prices usage by what it cost the owner: the cost × the factor of
// the rate, 1 or more for MARKUP, below 1 for SUBSIDIZED. For example, tokens
// that cost 0.012 at a factor of 1.5 are billed 0.018.
func costPlus(cost, factor invoq.Decimal) invoq.LineStep { return step("cost", cost, factor) }
