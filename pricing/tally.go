package pricing

import (
	"cmp"
	"slices"

	"invoq"
)

// tally sums usage by source, meter and segment of time before any price is
// looked at: a bill reads tens of thousands of items and a handful of sums.
type tally struct {
	sheet *Sheet
	times []*timeline // by rate; the last is for usage that no rate prices
	slots map[slotKey]*slot
	order []*slot // as first seen
}

// slotKey tells the sums of a tally apart.
type slotKey struct {
	source *Source
	meter  invoq.Meter
}

// slot sums one meter of one source.
type slot struct {
	slotKey
	rate    int // index of the rate that prices it; len(rates): none does
	time    *timeline
	sums    []invoq.Sum // one a segment
	special *special    // nil where quantities are all that matters
	next    *slot       // of the item that followed this slot's last item
}

// unattributed stands for items without a source.
var unattributed = &Source{}

// newTally returns an empty tally; times are those of Sheet.timelines.
func newTally(s *Sheet, times []*timeline) *tally {
	return &tally{sheet: s, times: times, slots: map[slotKey]*slot{}}
}

// add sums up all items. It refuses one that is not wholly inside a segment:
// dropping it or guessing its side would lose money without a word.
//
// Usage comes in a rhythm, so that the next item is mostly of the slot that
// followed last time, and of the same hour: that saves looking both up.
func (t *tally) add(usage []Item) error {
	at := &slot{}
	for i := range usage {
		item := &usage[i]
		s := at.next
		if s == nil || s.source != item.Source || s.meter != item.Meter {
			s = t.slot(item)
			at.next = s
		}
		at = s
		if h := &s.time.held; !h.known || h.start != item.Start || h.end != item.End {
			if err := s.time.locate(item, i); err != nil {
				return err
			}
		}
		if s.special != nil {
			s.special.add(s, s.time.held.segment, item)
			continue
		}
		s.sums[s.time.held.segment].Add(&item.Quantity)
	}
	return nil
}

// slot returns the slot that counts the item.
func (t *tally) slot(item *Item) *slot {
	key := slotKey{item.Source, item.Meter}
	if key.source == nil {
		key.source = unattributed
	}
	s := t.slots[key]
	if s == nil {
		s = t.newSlot(key)
		t.slots[key] = s
		t.order = append(t.order, s)
	}
	return s
}

// newSlot returns an empty slot of the first rate that prices its usage.
func (t *tally) newSlot(key slotKey) *slot {
	s := &slot{slotKey: key, rate: t.sheet.match(key.source, key.meter)}
	s.time = t.times[s.rate]
	s.sums = make([]invoq.Sum, len(s.time.segments))
	if s.rate < len(t.sheet.rates) {
		s.special = newSpecial(&t.sheet.rates[s.rate], len(s.sums))
	}
	return s
}

// byRate returns the slots of every rate, those that no rate prices last.
func (t *tally) byRate() [][]*slot {
	all := make([][]*slot, len(t.times))
	for _, s := range t.order {
		all[s.rate] = append(all[s.rate], s)
	}
	return all
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
		return &special{
			rate: r, costs: make([]invoq.Sum, segments), costless: make([]invoq.Sum, segments),
		}
	case !r.Round.IsZero():
		return &special{rate: r, unrounded: make([]invoq.Sum, segments)}
	}
	return nil
}

// add counts an item in whose rate needs more than its sum.
func (p *special) add(s *slot, at int, item *Item) {
	counted, why := p.rate.counted(item)
	switch {
	case why == NoCost:
		p.costless[at].Add(&item.Quantity)
		return
	case p.costs != nil:
		p.costs[at].Add(&counted.cost)
	case item.Calls == nil:
		p.unrounded[at].Add(&item.Quantity)
	}
	s.sums[at].Add(&counted.quantity)
}

// mergeInputs sorts by namespace and service, adds up equal ones and drops
// those that used nothing.
func mergeInputs(all inputs) inputs {
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
