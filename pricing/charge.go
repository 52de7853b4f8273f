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
	segments := u.entered
	if whole {
		m.amounts = u.before.add(u.within)
		segments = len(u.segments)
	}
	m.free = p.free(r, m.quantity)
	if r.Kind == invoq.RateTimeOfDay {
		m.bands = byBand(u, segments, m.free, len(r.Windows)+1)
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
func (t terms) kept(list invoq.Decimal) invoq.Decimal {
	// Fast path: mostly nothing comes off.
	if t.off.IsZero() {
		return list
	}
	return list.Sub(list.Mul(t.off))
}

// charges are the steps of a month's charge: for usage, and for what is above a
// commitment.
type charges struct {
	usage, over []invoq.LineStep
}

// list returns the list price of all steps.
func (c charges) list() invoq.Decimal { return total(c.usage).Add(total(c.over)) }

// charges prices a month so far at given terms. The same terms give the same
// steps, so that two states of a month can be subtracted step by step.
func (r *rate) charges(m soFar, t terms) charges {
	b := m.billable()
	switch r.Kind {
	case invoq.RatePackage:
		return charges{usage: []invoq.LineStep{packages(b, r.Units(), r.Price)}}
	case invoq.RateGraduated:
		return charges{usage: graduated(b, r.tiers)}
	case invoq.RateVolume:
		at := r.tiers[t.tier]
		return charges{usage: []invoq.LineStep{step(at.label, b, at.price)}}
	case invoq.RateTimeOfDay:
		return charges{usage: timeOfDay(m.bands, r)}
	case invoq.RateReserved:
		within, over := reserved(b, r)
		return charges{usage: []invoq.LineStep{within}, over: []invoq.LineStep{over}}
	case invoq.RateMarkup, invoq.RateSubsidized:
		return charges{usage: []invoq.LineStep{costPlus(m.cost, r.Factor)}}
	}
	// FREE and FIXED have a price of 0.
	return charges{usage: []invoq.LineStep{perUnit(b, r.unitPrice)}}
}

// difference returns the steps that came to an earlier state, without those
// about nothing.
func difference(now, earlier []invoq.LineStep) []invoq.LineStep {
	var steps []invoq.LineStep
	for i, s := range now {
		s.Quantity = s.Quantity.Sub(earlier[i].Quantity)
		s.Amount = s.Amount.Sub(earlier[i].Amount)
		if !s.Quantity.IsZero() {
			steps = append(steps, s)
		}
	}
	return steps
}

// total adds up the amounts of steps.
func total(steps []invoq.LineStep) invoq.Decimal {
	var sum invoq.Decimal
	for _, s := range steps {
		sum = sum.Add(s.Amount)
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
