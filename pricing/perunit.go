package pricing

import "invoq"

// unitPrice returns the price of one unit where per units, not 0, cost price,
// and whether that is exact within invoq.MaxPricePlaces decimal places: 1 USD
// per 3 is not, and is refused rather than rounded.
func unitPrice(price, per invoq.Decimal) (invoq.Decimal, bool) {
	each := price.Quo(per, invoq.MaxPricePlaces)
	return each, each.Mul(per).Cmp(price) == 0
}

// perUnit prices every billable unit alike: a straight line.
func perUnit(billable, price invoq.Decimal) invoq.LineStep { return step("", billable, price) }

// step returns the step of a charge: quantity × price.
func step(label string, quantity, price invoq.Decimal) invoq.LineStep {
	return invoq.LineStep{
		Label: label, Quantity: quantity, Price: price, Amount: quantity.Mul(price),
	}
}
