package pricing

import "invoq"

// soFar is a month up to an instant, as one rate sees it.
type soFar struct {
	amounts
	free  invoq.Decimal
	bands []invoq.Decimal // time_of_day: what is billable of each window
}

// soFar returns the month up to where the period enters it or, if whole, up
// to where it leaves it. It takes free units out of the pools.
func (r *rate) soFar(u used, p pools, whole bool) soFar {
	m := soFar{amounts: u.before}
	used := u.bySegment
	if whole {
		m.amounts = u.before.add(u.within)
	} else {
		for i, seg := range u.segments {
			if seg.billed {
				used = used[:i]
				break
			}
		}
	}
	m.free = p.free(r, m.quantity)
	if r.Kind == invoq.RateTimeOfDay {
		m.bands = byBand(used, u.segments, m.free, len(r.Windows)+1)
	}
	return m
}

func (m soFar) billable() invoq.Decimal { return m.quantity.Sub(m.free) }

// less returns what came to an earlier state of the month.
func (m soFar) less(earlier soFar) soFar {
	return soFar{
		amounts: amounts{
			quantity: m.quantity.Sub(earlier.quantity),
			cost:     m.cost.Sub(earlier.cost),
		},
		free: m.free.Sub(earlier.free),
	}
}

// terms are what the volume of a month decides for all its units alike.
type terms struct {
	tier int           // volume: index of the tier
	off  invoq.Decimal // share that discounts and spot take off
}

func (r *rate) terms(m soFar) terms {
	t := terms{off: offBoth(r.SpotOff, discountOff(m.billable(), r.Discounts))}
	if r.Kind == invoq.RateVolume {
		t.tier = volumeTier(m.billable(), r.tiers)
	}
	return t
}

// kept returns what the terms leave of a list price.
func (t terms) kept(list invoq.Decimal) invoq.Decimal { return list.Sub(list.Mul(t.off)) }

// charges prices a month so far at given terms. The first steps are those of
// usage, the second those of overage. The same terms give the same steps, so
// that two states of a month can be subtracted step by step.
func (r *rate) charges(m soFar, t terms) [2][]invoq.LineStep {
	b := m.billable()
	switch r.Kind {
	case invoq.RatePackage:
		return usageSteps(packages(b, r.Units(), r.Price))
	case invoq.RateGraduated:
		return usageSteps(graduated(b, r.tiers)...)
	case invoq.RateVolume:
		at := r.tiers[t.tier]
		return usageSteps(step(at.label, b, at.price))
	case invoq.RateTimeOfDay:
		return usageSteps(timeOfDay(m.bands, r)...)
	case invoq.RateReserved:
		within, over := reserved(b, r)
		return [2][]invoq.LineStep{{within}, {over}}
	case invoq.RateMarkup, invoq.RateSubsidized:
		return usageSteps(costPlus(m.cost, r.Factor))
	}
	return usageSteps(perUnit(b, r.unitPrice)) // FREE and FIXED have a price of 0.
}

func usageSteps(steps ...invoq.LineStep) [2][]invoq.LineStep {
	return [2][]invoq.LineStep{steps, nil}
}

// difference returns the steps that came to an earlier state, without those
// about nothing.
func difference(now, earlier []invoq.LineStep) []invoq.LineStep {
	var steps []invoq.LineStep
	for i, s := range now {
		s.Quantity = s.Quantity.Sub(earlier[i].Quantity)
		s.Amount = s.Amount.Sub(earlier[i].Amount)
		if !s.Quantity.IsZero() || !s.Amount.IsZero() {
			steps = append(steps, s)
		}
	}
	return steps
}

// total adds up the amounts of steps.
func total(all ...[]invoq.LineStep) invoq.Decimal {
	var sum invoq.Decimal
	for _, steps := range all {
		for _, s := range steps {
			sum = sum.Add(s.Amount)
		}
	}
	return sum
}

// quantityOf adds up the quantities of steps.
func quantityOf(steps []invoq.LineStep) invoq.Decimal {
	var sum invoq.Decimal
	for _, s := range steps {
		sum = sum.Add(s.Quantity)
	}
	return sum
}
