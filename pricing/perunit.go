package pricing

import "invoq"

// unitPrice returns the price of one unit where per units cost price, and
// whether that is exact within invoq.MaxPricePlaces decimal places: 1 USD per
// 3 is not, and is refused rather than rounded.
func unitPrice(price, per invoq.Decimal) (invoq.Decimal, bool) {
	if per.Sign() <= 0 {
		return invoq.Decimal{}, false
	}
	one := price.Quo(per, invoq.MaxPricePlaces)
	return one, one.Mul(per).Cmp(price) == 0
}

// perUnit returns the charge for the billable quantity: a straight line.
func perUnit(billable, price invoq.Decimal) invoq.Decimal { return billable.Mul(price) }
