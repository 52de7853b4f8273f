package pricing_test

import (
	"math/big"
	"slices"
	"strconv"
	"time"

	"invoq"
	"invoq/pricing"
)

// naiveState is what one rate sees of a month up to an instant.
type naiveState struct {
	n                    *naive
	items                []*pricing.Item
	quantity, free, cost *big.Rat
}

func (s naiveState) billable() *big.Rat { return sub(s.quantity, s.free) }

// upTo gathers the rate's items of the month before t, and takes its free
// units after those that earlier rates of its pool have taken.
func (n *naive) upTo(r *invoq.Rate, m naiveMonth, t time.Time) naiveState {
	s := naiveState{n: n, quantity: new(big.Rat), cost: new(big.Rat)}
	for i := range n.usage {
		item := &n.usage[i]
		if item.Start.Before(m.start) || !item.Start.Before(t) || n.rateOf(item) != r {
			continue
		}
		if r.Kind == invoq.RateMarkup || r.Kind == invoq.RateSubsidized {
			if item.Cost == nil {
				continue
			}
			s.cost = add(s.cost, rat(*item.Cost))
		}
		s.items = append(s.items, item)
		s.quantity = add(s.quantity, quantityOf(r, item))
	}
	left := rat(r.FreePerMonth)
	for i := range n.plan.Rates {
		other := &n.plan.Rates[i]
		if other == r {
			break
		}
		if r.FreePool != "" && other.FreePool == r.FreePool {
			left = sub(left, n.upTo(other, m, t).free)
		}
	}
	s.free = lesser(s.quantity, left)
	return s
}

// quantityOf returns the item's quantity as the rate counts it.
func quantityOf(r *invoq.Rate, item *pricing.Item) *big.Rat {
	if r.Round == (invoq.Rounding{}) || item.Calls == nil {
		return rat(item.Quantity)
	}
	c := item.Calls
	up := func(value, step, least, most invoq.Decimal) *big.Rat {
		v := rat(value)
		if !step.IsZero() {
			v = mul(ceiling(quo(v, rat(step))), rat(step))
		}
		v = greater(v, rat(least))
		if !most.IsZero() {
			v = lesser(v, rat(most))
		}
		return v
	}
	q := mul(rat(c.Count), up(c.DurationMs, r.Round.DurationStepMs, r.Round.DurationMinMs, invoq.Decimal{}))
	switch item.Meter {
	case invoq.MBMs:
		q = mul(q, up(c.MemoryMB, r.Round.MemoryStepMB, r.Round.MemoryMinMB, r.Round.MemoryMaxMB))
	case invoq.CPUMs:
		q = mul(q, rat(c.CPUs))
	}
	return q
}

// naiveTerms are the volume's price and the share that is kept.
type naiveTerms struct{ price, kept *big.Rat }

func (s naiveState) terms(r *invoq.Rate) naiveTerms {
	t := naiveTerms{price: new(big.Rat)}
	for _, tier := range slices.Backward(r.Tiers) {
		if tier.UpTo.IsZero() || s.billable().Cmp(rat(tier.UpTo)) <= 0 {
			t.price = unit(r, tier.Price)
		}
	}
	discount := new(big.Rat)
	for _, d := range r.Discounts {
		if s.billable().Cmp(rat(d.Above)) > 0 {
			discount = rat(d.Off)
		}
	}
	t.kept = mul(sub(number(1), rat(r.SpotOff)), sub(number(1), discount))
	return t
}

// charge returns the month's charge so far at given terms, for usage and for
// what is above a commitment.
func (s naiveState) charge(r *invoq.Rate, t naiveTerms) (usage, over *big.Rat) {
	b := s.billable()
	usage, over = new(big.Rat), new(big.Rat)
	switch r.Kind {
	case "", invoq.RatePerUnit:
		usage = mul(b, unit(r, r.Price))
	case invoq.RatePackage:
		size := number(1)
		if !r.Per.IsZero() {
			size = rat(r.Per)
		}
		usage = mul(ceiling(quo(b, size)), rat(r.Price))
	case invoq.RateVolume:
		usage = mul(b, t.price)
	case invoq.RateGraduated:
		for _, tier := range r.Tiers {
			top := b
			if !tier.UpTo.IsZero() {
				top = lesser(b, rat(tier.UpTo))
			}
			if width := sub(top, rat(tier.From)); width.Sign() > 0 {
				usage = add(usage, mul(width, unit(r, tier.Price)))
			}
		}
	case invoq.RateTimeOfDay:
		usage = s.timeOfDay(r)
	case invoq.RateReserved:
		within := lesser(b, rat(r.Committed))
		usage = mul(within, unit(r, r.Price))
		over = mul(sub(b, within), unit(r, r.Overage))
	case invoq.RateMarkup, invoq.RateSubsidized:
		usage = mul(s.cost, rat(r.Factor))
	}
	return mul(usage, t.kept), mul(over, t.kept)
}

// timeOfDay goes through the items in order of time; the first units are free.
func (s naiveState) timeOfDay(r *invoq.Rate) *big.Rat {
	items := slices.Clone(s.items)
	slices.SortStableFunc(items, func(a, b *pricing.Item) int { return a.Start.Compare(b.Start) })
	left, charge := s.free, new(big.Rat)
	for _, item := range items {
		q := quantityOf(r, item)
		free := lesser(q, left)
		left = sub(left, free)
		price := r.Price
		for _, w := range r.Windows {
			if inWindow(w, item.Start.In(s.n.period.Zone)) {
				price = w.Price
			}
		}
		charge = add(charge, mul(sub(q, free), unit(r, price)))
	}
	return charge
}

func inWindow(w invoq.PriceWindow, t time.Time) bool {
	begins := func(d time.Weekday) bool {
		names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
		return len(w.Days) == 0 || slices.Contains(w.Days, names[d])
	}
	clock := t.Format("15:04")
	if w.From < w.To {
		return begins(t.Weekday()) && w.From <= clock && clock < w.To
	}
	return (begins(t.Weekday()) && w.From <= clock) || (begins((t.Weekday()+6)%7) && clock < w.To)
}

// days returns how many local dates have begun in [start, end), by walking.
func (n *naive) days(start, end time.Time) int64 {
	dates := map[string]bool{}
	for at := start; at.Before(end); at = at.Add(grid) {
		dates[at.In(n.period.Zone).Format("2006-01-02")] = true
	}
	return int64(len(dates))
}

// fee returns what is due of a fee for the month up to t.
func (n *naive) fee(r *invoq.Rate, m naiveMonth, t time.Time) *big.Rat {
	price := rat(r.Price)
	if t.Equal(m.end) || (r.Prorate == invoq.ProrateAdvance && t.After(m.start)) {
		return price
	}
	switch r.Prorate {
	case invoq.ProrateSecond:
		share := quo(number(int64(t.Sub(m.start))), number(int64(m.end.Sub(m.start))))
		return halfUp(mul(price, share), 18)
	case invoq.ProrateDay, "":
		share := quo(number(n.days(m.start, t)), number(n.days(m.start, m.end)))
		return halfUp(mul(price, share), 18)
	}
	return new(big.Rat)
}

func (n *naive) feeQuantity(r *invoq.Rate, m naiveMonth, enter, leave time.Time) *big.Rat {
	switch r.Prorate {
	case invoq.ProrateSecond:
		return quo(number(int64(leave.Sub(enter))), number(int64(time.Second)))
	case invoq.ProrateDay, "":
		return number(n.days(m.start, leave) - n.days(m.start, enter))
	}
	if n.fee(r, m, leave).Cmp(n.fee(r, m, enter)) == 0 {
		return new(big.Rat)
	}
	return number(1)
}

// digitsOf are the currencies' decimal places by ISO 4217.
func digitsOf(c invoq.Currency) int64 {
	places := map[invoq.Currency]string{"USD": "2", "RUB": "2", "JPY": "0", "KWD": "3"}
	n, err := strconv.ParseInt(places[c], 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}
