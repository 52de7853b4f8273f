package pricing_test

import (
	"math/big"
	"slices"
	"time"

	"invoq"
	"invoq/pricing"
)

// naive prices a scenario a second time, by other means: fractions instead of
// decimals, a walk over the clock instead of a calendar, every item looked at
// for every question, and the rules written down once more from docs/pricing.md
// without a look at the code. It is slow and has no fast path to be wrong in.
type naive struct {
	scenario
	lines    map[lineKey]naiveLine
	unpriced map[pricing.Unpriced]*big.Rat // by meter and reason
}

type lineKey struct {
	month, rate string
	kind        invoq.LineKind
}

type naiveLine struct{ quantity, free, exact *big.Rat }

// naiveMonth is a calendar month found by walking over the clock.
type naiveMonth struct {
	label      string
	start, end time.Time
}

func rat(d invoq.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic(d.String())
	}
	return r
}

func add(a, b *big.Rat) *big.Rat { return new(big.Rat).Add(a, b) }
func sub(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func mul(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
func quo(a, b *big.Rat) *big.Rat { return new(big.Rat).Quo(a, b) }
func number(n int64) *big.Rat    { return new(big.Rat).SetInt64(n) }

func lesser(a, b *big.Rat) *big.Rat {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func greater(a, b *big.Rat) *big.Rat { return sub(add(a, b), lesser(a, b)) }

// ceiling returns the least integer that is not less than r, 0 or more.
func ceiling(r *big.Rat) *big.Rat {
	n := new(big.Int).Div(new(big.Int).Add(r.Num(), new(big.Int).Sub(r.Denom(), big.NewInt(1))), r.Denom())
	return new(big.Rat).SetInt(n)
}

// halfUp rounds to decimal places, ties away from zero.
func halfUp(r *big.Rat, places int64) *big.Rat {
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil))
	scaled := add(mul(new(big.Rat).Abs(r), scale), big.NewRat(1, 2))
	whole := new(big.Rat).SetInt(new(big.Int).Div(scaled.Num(), scaled.Denom()))
	if r.Sign() < 0 {
		whole.Neg(whole)
	}
	return quo(whole, scale)
}

// price computes all lines and what is unpriced.
func (n *naive) price() {
	n.lines, n.unpriced = map[lineKey]naiveLine{}, map[pricing.Unpriced]*big.Rat{}
	for _, m := range n.months() {
		enter, leave := m.start, m.end
		if enter.Before(n.period.Start) {
			enter = n.period.Start
		}
		if leave.After(n.period.End) {
			leave = n.period.End
		}
		n.month(m, enter, leave)
	}
	for i := range n.usage {
		item := &n.usage[i]
		if item.Start.Before(n.period.Start) {
			continue
		}
		key := pricing.Unpriced{Meter: item.Meter, Reason: pricing.NoRate}
		if r := n.rateOf(item); r != nil {
			key.Reason = pricing.NoCost
			if (r.Kind != invoq.RateMarkup && r.Kind != invoq.RateSubsidized) || item.Cost != nil {
				continue
			}
		}
		if n.unpriced[key] == nil {
			n.unpriced[key] = new(big.Rat)
		}
		n.unpriced[key] = add(n.unpriced[key], rat(item.Quantity))
	}
}

// months walks over the period by the grid and beyond it on both sides, to
// where the zone's clocks show another month.
func (n *naive) months() []naiveMonth {
	label := func(t time.Time) string { return t.In(n.period.Zone).Format("2006-01") }
	at := n.period.Start
	for label(at.Add(-grid)) == label(at) {
		at = at.Add(-grid)
	}
	var all []naiveMonth
	for at.Before(n.period.End) {
		m := naiveMonth{label: label(at), start: at}
		for label(at) == m.label {
			at = at.Add(grid)
		}
		m.end = at
		all = append(all, m)
	}
	return all
}

func (n *naive) month(m naiveMonth, enter, leave time.Time) {
	charged := new(big.Rat)
	for i := range n.plan.Rates {
		r := &n.plan.Rates[i]
		if r.Kind == invoq.RateFlat {
			now, before := n.fee(r, m, leave), n.fee(r, m, enter)
			n.put(m, r.Label(), invoq.LineFee, n.feeQuantity(r, m, enter, leave), new(big.Rat), sub(now, before))
			charged = add(charged, now)
			continue
		}
		charged = add(charged, n.usageLines(r, m, enter, leave))
	}
	if leave.Equal(m.end) {
		lack := greater(sub(rat(n.plan.MinimumPerMonth), charged), new(big.Rat))
		n.put(m, "minimum", invoq.LineMinimum, new(big.Rat), new(big.Rat), lack)
	}
}

// usageLines puts the lines of a rate and returns the month's charge so far.
func (n *naive) usageLines(r *invoq.Rate, m naiveMonth, enter, leave time.Time) *big.Rat {
	before, now := n.upTo(r, m, enter), n.upTo(r, m, leave)
	was, is := before.terms(r), now.terms(r)
	usageNow, overNow := now.charge(r, is)
	usageThen, overThen := before.charge(r, is)
	usageWas, overWas := before.charge(r, was)
	free := sub(now.free, before.free)
	quantity := sub(now.quantity, before.quantity)
	if r.Kind == invoq.RateReserved {
		committed := rat(r.Committed)
		over := sub(greater(sub(now.billable(), committed), new(big.Rat)),
			greater(sub(before.billable(), committed), new(big.Rat)))
		quantity = sub(quantity, over)
		n.put(m, r.Label(), invoq.LineOverage, over, new(big.Rat), sub(overNow, overThen))
	}
	n.put(m, r.Label(), invoq.LineUsage, quantity, free, sub(usageNow, usageThen))
	n.put(m, r.Label(), invoq.LineReprice, new(big.Rat), new(big.Rat),
		sub(add(usageThen, overThen), add(usageWas, overWas)))
	due := add(usageNow, overNow)
	if !leave.Equal(m.end) {
		return due
	}
	if r.Kind == invoq.RateReserved {
		left := greater(sub(rat(r.Committed), now.billable()), new(big.Rat))
		unused := mul(left, unit(r, r.Price))
		n.put(m, r.Label(), invoq.LineUnused, left, new(big.Rat), unused)
		due = add(due, unused)
	}
	lack := greater(sub(rat(r.MinimumPerMonth), due), new(big.Rat))
	n.put(m, r.Label(), invoq.LineMinimum, new(big.Rat), new(big.Rat), lack)
	return add(due, lack)
}

func (n *naive) put(m naiveMonth, rate string, kind invoq.LineKind, quantity, free, exact *big.Rat) {
	if quantity.Sign() != 0 || free.Sign() != 0 || exact.Sign() != 0 {
		n.lines[lineKey{m.label, rate, kind}] = naiveLine{quantity, free, exact}
	}
}

// unit returns the price of one unit.
func unit(r *invoq.Rate, price invoq.Decimal) *big.Rat {
	if r.Per.IsZero() {
		return rat(price)
	}
	return quo(rat(price), rat(r.Per))
}

// rateOf returns the first rate that selects the item, or nil.
func (n *naive) rateOf(item *pricing.Item) *invoq.Rate {
	source := item.Source
	if source == nil {
		source = &pricing.Source{}
	}
	for i := range n.plan.Rates {
		r := &n.plan.Rates[i]
		fits := r.Meter == item.Meter &&
			(len(r.Where.Services) == 0 || slices.Contains(r.Where.Services, source.Service)) &&
			(len(r.Where.Namespaces) == 0 || slices.Contains(r.Where.Namespaces, source.Namespace))
		for k, v := range r.Where.Tags {
			fits = fits && source.Tags[k] == v
		}
		if fits {
			return r
		}
	}
	return nil
}
