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
	coarse  *timeline
	sources map[*Source]*account
	order   []*account // as first seen
	last    *account   // of the item before
}

// account is what one source used.
type account struct {
	source *Source
	slots  []slot
}

// slot sums one meter of one source.
type slot struct {
	meter invoq.Meter
	rate  int // index of the rate that prices it; −1: none does
	time  *timeline
	at    int         // segment of the item before
	sums  []invoq.Sum // one a segment
}

// unattributed stands for items without a source.
var unattributed = &Source{}

func newTally(s *Sheet, all []stretch) *tally {
	return &tally{sheet: s, coarse: newTimeline(all), sources: map[*Source]*account{}}
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
				s.at = 0
				return errorOutside(i, item, s.time)
			}
		}
		if end := unixNano(item.end()); end < start || end > s.time.starts[s.at+1] {
			return errorStraddles(i, item, s.time.starts[s.at+1])
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
	a.slots = append(a.slots, slot{
		meter: m,
		rate:  t.sheet.match(a.source, m),
		time:  t.coarse,
		sums:  make([]invoq.Sum, len(t.coarse.segments)),
	})
	return &a.slots[len(a.slots)-1]
}

// sum adds up a slot's segments in a stretch, those inside the period or those
// before it.
func (s *slot) sum(stretch int, billed bool) invoq.Decimal {
	var total invoq.Decimal
	for i, seg := range s.time.segments {
		if seg.stretch == stretch && seg.billed == billed {
			total = total.Add(s.sums[i].Decimal())
		}
	}
	return total
}

// used is what one rate has to price in one stretch.
type used struct {
	before invoq.Decimal // in the month, before the period
	within invoq.Decimal // in the period
	inputs []invoq.LineInput
}

// used gathers what the rate's sources used in a stretch.
func (t *tally) used(rate, stretch int) used {
	var u used
	for _, a := range t.order {
		for i := range a.slots {
			s := &a.slots[i]
			if s.rate != rate {
				continue
			}
			within := s.sum(stretch, true)
			u.before = u.before.Add(s.sum(stretch, false))
			u.within = u.within.Add(within)
			u.inputs = append(u.inputs, invoq.LineInput{
				Namespace: a.source.Namespace, Service: a.source.Service, Quantity: within,
			})
		}
	}
	u.inputs = mergeInputs(u.inputs)
	return u
}

// mergeInputs sorts by namespace and service, adds up equal ones and drops
// those that used nothing.
func mergeInputs(all []invoq.LineInput) []invoq.LineInput {
	slices.SortFunc(all, func(a, b invoq.LineInput) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service))
	})
	var merged []invoq.LineInput
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

// unpriced lists by meter what no rate prices, inside the period.
func (t *tally) unpriced() []Unpriced {
	sums := map[invoq.Meter]invoq.Decimal{}
	for _, a := range t.order {
		for i := range a.slots {
			s := &a.slots[i]
			if s.rate >= 0 {
				continue
			}
			for j, seg := range s.time.segments {
				if seg.billed {
					sums[s.meter] = sums[s.meter].Add(s.sums[j].Decimal())
				}
			}
		}
	}
	var all []Unpriced
	for meter, sum := range sums {
		if !sum.IsZero() {
			all = append(all, Unpriced{Meter: meter, Quantity: sum})
		}
	}
	slices.SortFunc(all, func(a, b Unpriced) int { return cmp.Compare(a.Meter, b.Meter) })
	return all
}
