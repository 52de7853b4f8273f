package pricing

import (
	"cmp"
	"slices"

	"invoq"
)

// tally sums usage by source, meter and segment of time before any price is
// looked at: a bill reads tens of thousands of items and a handful of sums.
type tally struct {
	sheet   *Sheet
	times   []*timeline // by rate; the last is for usage that no rate prices
	sources map[*Source]*account
	last    *account // of the item before
	order   []*account
}

// account is what one source used.
type account struct {
	source *Source
	slots  []slot
}

// slot sums one meter of one source.
type slot struct {
	meter   invoq.Meter
	rate    int // index of the rate that prices it; len(rates): none does
	time    *timeline
	at      int         // segment of the item before
	sums    []invoq.Sum // one a segment
	special *special    // nil where quantities are all that matters
}

// unattributed stands for items without a source.
var unattributed = &Source{}

func newTally(s *Sheet, times []*timeline) *tally {
	return &tally{sheet: s, times: times, sources: map[*Source]*account{}}
}

// add sums up all items. It refuses one that is not wholly inside a segment:
// dropping it or guessing its side would lose money without a word.
func (t *tally) add(usage []Item) error {
	for i := range usage {
		item := &usage[i]
		s := t.account(item.Source).slot(t, item.Meter)
		start := unixNano(item.Start)
		if !s.time.holds(s.at, start) {
			if s.at = s.time.find(start); s.at < 0 {
				return errorOutside(i, item, s.time)
			}
		}
		if end := unixNano(item.end()); end < start || end > s.time.starts[s.at+1] {
			return errorStraddles(i, item, s.time.starts[s.at+1])
		}
		if s.special != nil {
			s.special.add(s, item)
			continue
		}
		s.sums[s.at].Add(&item.Quantity)
	}
	return nil
}

func (t *tally) account(source *Source) *account {
	if source == nil {
		source = unattributed
	}
	// Fast path: usage comes in runs of one source.
	if t.last != nil && t.last.source == source {
		return t.last
	}
	a := t.sources[source]
	if a == nil {
		a = &account{source: source}
		t.sources[source] = a
		t.order = append(t.order, a)
	}
	t.last = a
	return a
}

func (a *account) slot(t *tally, m invoq.Meter) *slot {
	for i := range a.slots {
		if a.slots[i].meter == m {
			return &a.slots[i]
		}
	}
	rate := t.sheet.match(a.source, m)
	s := slot{meter: m, rate: rate, time: t.times[rate]}
	s.sums = make([]invoq.Sum, len(s.time.segments))
	if rate < len(t.sheet.rates) {
		s.special = newSpecial(&t.sheet.rates[rate], len(s.sums))
	}
	a.slots = append(a.slots, s)
	return &a.slots[len(a.slots)-1]
}

// byRate returns the slots of every rate, those that no rate prices last.
func (t *tally) byRate() [][]entry {
	all := make([][]entry, len(t.times))
	for _, a := range t.order {
		for i := range a.slots {
			s := &a.slots[i]
			all[s.rate] = append(all[s.rate], entry{a.source, s})
		}
	}
	return all
}

// entry is a slot and whose it is.
type entry struct {
	source *Source
	*slot
}

// special sums what some rates need beside quantities.
type special struct {
	rate      *rate
	costs     []invoq.Sum // what the priced quantities cost
	costless  []invoq.Sum // quantities whose cost nobody knows
	unrounded []invoq.Sum // quantities that came without their calls
}

// newSpecial returns nil for a rate that needs quantities alone.
func newSpecial(r *rate, segments int) *special {
	switch {
	case r.costPlus():
		return &special{rate: r, costs: make([]invoq.Sum, segments), costless: make([]invoq.Sum, segments)}
	case !r.Round.IsZero():
		return &special{rate: r, unrounded: make([]invoq.Sum, segments)}
	}
	return nil
}

func (p *special) add(s *slot, item *Item) {
	if p.rate.costPlus() {
		if item.Cost == nil {
			p.costless[s.at].Add(&item.Quantity)
			return
		}
		p.costs[s.at].Add(item.Cost)
		s.sums[s.at].Add(&item.Quantity)
		return
	}
	if item.Calls != nil {
		quantity, _ := RoundCall(p.rate.Round, *item.Calls).quantity(s.meter)
		s.sums[s.at].Add(&quantity)
		return
	}
	p.unrounded[s.at].Add(&item.Quantity)
	s.sums[s.at].Add(&item.Quantity)
}

// mergeInputs sorts by namespace and service, adds up equal ones and drops
// those that used nothing.
func mergeInputs(all []invoq.LineInput) []invoq.LineInput {
	slices.SortFunc(all, func(a, b invoq.LineInput) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service))
	})
	merged := all[:0]
	for _, in := range all {
		if n := len(merged) - 1; n >= 0 && merged[n].Namespace == in.Namespace &&
			merged[n].Service == in.Service {
			merged[n].Quantity = merged[n].Quantity.Add(in.Quantity)
			continue
		}
		merged = append(merged, in)
	}
	return slices.DeleteFunc(merged, func(in invoq.LineInput) bool { return in.Quantity.IsZero() })
}
