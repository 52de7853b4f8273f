package pricing

import "invoq"

// tier is a tier of a plan with the price of one unit.
type tier struct {
	from, upTo invoq.Decimal
	open       bool // no end
	price      invoq.Decimal
	label      string
}

// graduated prices each unit at the price of the tier it lies in; the charge
// has no jump at a tier's bound.
func graduated(billable invoq.Decimal, tiers []tier) []invoq.LineStep {
	steps := make([]invoq.LineStep, len(tiers))
	for i, t := range tiers {
		steps[i] = step(t.label, t.holds(billable), t.price)
	}
	return steps
}

// holds returns how many of the units 1 to billable lie in the tier.
func (t tier) holds(billable invoq.Decimal) invoq.Decimal {
	if !t.open {
		billable = billable.Min(t.upTo)
	}
	return billable.Sub(t.from).Max(invoq.Decimal{})
}
