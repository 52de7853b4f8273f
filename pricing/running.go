package pricing

import (
	"slices"

	"invoq"
)

// Running is a calendar month while it fills, or the part of one that a sheet
// prices: it says what each item adds to the charge. The sum of what was added
// is what Sheet.Price comes to for the same usage, in whatever order it came
// and however it was split, but for what only the end of a month decides: flat
// fees, minimums and what is unused of a commitment.
//
// An item may add less than nothing: by a correction, or where the month
// reaches a volume at which the units before it cost less. A sum of items that
// is negative is charged by the same rules as if there were such usage; Price
// refuses it.
//
// It is for one goroutine at a time, and costs memory by the plan and never by
// the number of items.
type Running struct {
	layout *layout
	fills  []fill        // by rate
	due    invoq.Decimal // of all rates
}

// layout is what the copies of a month share.
type layout struct {
	sheet *Sheet
	times []*timeline // by rate; the last is for usage that no rate prices
	// entered is how many segments of each timeline lie before the period.
	entered []int
	// sharing are the rates whose free units each rate shares, itself among
	// them, in the order of the plan.
	sharing [][]int
}

// fill is what one rate has been given so far.
type fill struct {
	before, within amounts         // used before the period, and in it
	bySegment      []invoq.Decimal // time_of_day alone
	due            invoq.Decimal
}

// Added is what an item adds to the charge of its month.
type Added struct {
	Amount invoq.Decimal // at full precision
	// Unpriced says why no rate of the plan prices the item; the amount is 0
	// then. It is empty for an item that is priced.
	Unpriced UnpricedReason
}

// Running returns the period before anything was used. The period must lie in
// one calendar month; items of the month from before it are counted too, since
// they have used up free units and filled tiers, but only what they change
// about the period is charged. Errors are of KindUnprocessable.
func (s *Sheet) Running(period Period) (*Running, error) {
	if err := period.Validate(); err != nil {
		return nil, err
	}
	all := period.stretches()
	if len(all) != 1 {
		return nil, invoq.Errorf(invoq.KindUnprocessable,
			"period %s is not within one calendar month of %s", period.Interval, period.Zone)
	}
	l := &layout{sheet: s, times: s.timelines(period, all)}
	for _, t := range l.times {
		n := slices.IndexFunc(t.segments, func(x segment) bool { return x.billed })
		l.entered = append(l.entered, n)
	}
	r := &Running{layout: l, fills: make([]fill, len(s.rates))}
	for i := range s.rates {
		l.sharing = append(l.sharing, sharing(s.rates, i))
		if s.rates[i].Kind == invoq.RateTimeOfDay {
			r.fills[i].bySegment = make([]invoq.Decimal, len(l.times[i].segments))
		}
	}
	return r, nil
}

// sharing returns the rates that share the free units of rate i.
func sharing(rates []rate, i int) []int {
	if rates[i].FreePool == "" {
		return []int{i}
	}
	var all []int
	for j := range rates {
		if rates[j].FreePool == rates[i].FreePool {
			all = append(all, j)
		}
	}
	return all
}

// Clone returns a copy that goes on by itself.
func (r *Running) Clone() *Running {
	c := *r
	c.fills = slices.Clone(r.fills)
	for i := range c.fills {
		c.fills[i].bySegment = slices.Clone(c.fills[i].bySegment)
	}
	return &c
}

// Exact returns the sum of what all items have added.
func (r *Running) Exact() invoq.Decimal { return r.due }

// Add counts an item in and returns what it adds. An item outside the month up
// to the end of the period, or across an instant at which a price changes, is
// an error of KindUnprocessable and is not counted.
func (r *Running) Add(item Item) (Added, error) {
	rate, why, err := r.count(&item)
	if err != nil || why != "" {
		return Added{Unpriced: why}, err
	}
	return Added{Amount: r.price(rate)}, nil
}

// Fill counts items in, one after the other, as Add does; sums of items do as
// well as the items themselves. After an error the month is of no more use.
func (r *Running) Fill(usage []Item) error {
	stale := make([]bool, len(r.fills))
	for i := range usage {
		rate, why, err := r.count(&usage[i])
		if err != nil {
			return err
		}
		if why == "" {
			stale[rate] = true
		}
	}
	for rate := range stale {
		if stale[rate] {
			r.price(rate)
		}
	}
	return nil
}

// count adds an item to the sums of the rate that prices it, or says why none
// does.
func (r *Running) count(item *Item) (rate int, why UnpricedReason, err error) {
	sheet, source := r.layout.sheet, item.Source
	if source == nil {
		source = unattributed
	}
	rate = sheet.match(source, item.Meter)
	segment, err := r.layout.times[rate].place(item, 0, 0)
	if err != nil {
		return rate, "", err
	}
	if rate == len(sheet.rates) {
		return rate, NoRate, nil
	}
	counted, why := sheet.rates[rate].counted(item)
	if why != "" {
		return rate, why, nil
	}
	f := &r.fills[rate]
	if segment < r.layout.entered[rate] {
		f.before = f.before.add(counted)
	} else {
		f.within = f.within.add(counted)
	}
	if f.bySegment != nil {
		f.bySegment[segment] = f.bySegment[segment].Add(counted.quantity)
	}
	return rate, "", nil
}

// counted returns what a rate counts of an item, or why it has no price.
func (r *rate) counted(item *Item) (amounts, UnpricedReason) {
	switch {
	case r.costPlus() && item.Cost == nil:
		return amounts{}, NoCost
	case r.costPlus():
		return amounts{quantity: item.Quantity, cost: *item.Cost}, ""
	case !r.Round.IsZero() && item.Calls != nil:
		quantity, _ := RoundCall(r.Round, *item.Calls).Quantity(item.Meter)
		return amounts{quantity: quantity}, ""
	}
	return amounts{quantity: item.Quantity}, ""
}

// price computes anew what the rate comes to, and those that share its free
// units, and returns by how much that has grown.
func (r *Running) price(rate int) invoq.Decimal {
	var before, whole pools
	if r.layout.sheet.rates[rate].FreePool != "" {
		before, whole = pools{}, pools{}
	}
	var grown invoq.Decimal
	for _, i := range r.layout.sharing[rate] {
		due := r.dueOf(i, before, whole)
		grown = grown.Add(due.Sub(r.fills[i].due))
		r.fills[i].due = due
	}
	r.due = r.due.Add(grown)
	return grown
}

// dueOf returns what one rate comes to: for the month up to the end of the
// period, less for the month up to its start.
func (r *Running) dueOf(i int, before, whole pools) invoq.Decimal {
	rate, f := &r.layout.sheet.rates[i], &r.fills[i]
	u := used{
		before: f.before, within: f.within, segments: r.layout.times[i].segments,
		bySegment: f.bySegment, entered: r.layout.entered[i],
	}
	due := rate.due(rate.soFar(u, whole, true))
	// Fast path: the period begins with its month.
	if u.entered == 0 {
		return due
	}
	return due.Sub(rate.due(rate.soFar(u, before, false)))
}

// due returns what a month so far comes to while it is open.
func (r *rate) due(m soFar) invoq.Decimal {
	t := r.terms(m)
	return t.kept(r.charges(m, t).list())
}

// Additive reports whether what an item adds never depends on what was used
// beside it: then a month need not be filled before it is asked.
func (s *Sheet) Additive() bool {
	return !slices.ContainsFunc(s.rates, func(r rate) bool {
		switch r.Kind {
		case invoq.RatePackage, invoq.RateGraduated, invoq.RateVolume, invoq.RateReserved:
			return true
		}
		return !r.FreePerMonth.IsZero() || len(r.Discounts) > 0
	})
}
