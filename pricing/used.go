package pricing

import (
	"cmp"
	"slices"

	"invoq"
)

// used is what one rate has to price in one stretch.
type used struct {
	before, within amounts
	segments       []segment       // of the stretch, in order of time
	bySegment      []invoq.Decimal // quantities of the segments
	entered        int             // how many of them lie before the period
	inputs         inputs
	unrounded      invoq.Decimal // within, came without their calls
}

// inputs are what services put into a line.
type inputs []invoq.LineInput

// amounts are a quantity and what it cost.
type amounts struct {
	quantity, cost invoq.Decimal
}

// add returns the sums of both.
func (a amounts) add(b amounts) amounts {
	return amounts{quantity: a.quantity.Add(b.quantity), cost: a.cost.Add(b.cost)}
}

// usedOf adds up a rate's slots in one stretch.
func usedOf(entries []*slot, stretch int) used {
	if len(entries) == 0 {
		return used{}
	}
	var u used
	times := entries[0].time // Slots of one rate share their timeline.
	by := make(inputs, len(entries))
	for i, e := range entries {
		by[i] = invoq.LineInput{Namespace: e.source.Namespace, Service: e.source.Service}
	}
	for at, seg := range times.segments {
		if seg.stretch != stretch {
			continue
		}
		var sum amounts
		for i, e := range entries {
			a := e.amounts(at)
			sum = sum.add(a)
			if seg.billed {
				by[i].Quantity = by[i].Quantity.Add(a.quantity)
				u.unrounded = u.unrounded.Add(e.unrounded(at))
			}
		}
		u.bySegment = append(u.bySegment, sum.quantity)
		u.segments = append(u.segments, seg)
		if seg.billed {
			u.within = u.within.add(sum)
		} else {
			u.before = u.before.add(sum)
			u.entered++
		}
	}
	u.inputs = mergeInputs(by)
	return u
}

// amounts returns what the slot holds of one segment.
func (s *slot) amounts(at int) amounts {
	a := amounts{quantity: s.sums[at].Decimal()}
	if s.special != nil && s.special.costs != nil {
		a.cost = s.special.costs[at].Decimal()
	}
	return a
}

// unrounded returns what of one segment came without its calls to a rate that
// rounds each.
func (s *slot) unrounded(at int) invoq.Decimal {
	if s.special == nil || s.special.unrounded == nil {
		return invoq.Decimal{}
	}
	return s.special.unrounded[at].Decimal()
}

// costless returns the quantities inside the period whose cost nobody knows.
func (s *slot) costless() invoq.Decimal {
	if s.special == nil || s.special.costless == nil {
		return invoq.Decimal{}
	}
	return billed(s.time, s.special.costless)
}

// billed adds up the segments inside the period.
func billed(t *timeline, sums []invoq.Sum) invoq.Decimal {
	var total invoq.Decimal
	for i, seg := range t.segments {
		if seg.billed {
			total = total.Add(sums[i].Decimal())
		}
	}
	return total
}

// check refuses usage that takes back more than was used: in a month before
// or inside the period, or in any window of the day that has its own price.
func (u used) check(r *rate, label string) error {
	sums := append([]invoq.Decimal{u.before.cost, u.within.cost}, u.bySegment...)
	if slices.ContainsFunc(sums, func(d invoq.Decimal) bool { return d.Sign() < 0 }) {
		return invoq.Errorf(invoq.KindUnprocessable,
			"items of %q in %s take back more than was used", r.Label(), label)
	}
	return nil
}

// unpriced lists what of the period is not priced, by meter and reason.
func unpriced(byRate [][]*slot) []Unpriced {
	sums := map[Unpriced]invoq.Decimal{}
	for i, entries := range byRate {
		for _, e := range entries {
			key, quantity := Unpriced{Meter: e.meter, Reason: NoCost}, e.costless()
			if i == len(byRate)-1 {
				key.Reason, quantity = NoRate, billed(e.time, e.sums)
			}
			sums[key] = sums[key].Add(quantity)
		}
	}
	var all []Unpriced
	for u, quantity := range sums {
		if u.Quantity = quantity; !quantity.IsZero() {
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b Unpriced) int {
		return cmp.Or(cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}
