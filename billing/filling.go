package billing

import (
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// filling is a tenant's calendar month as the entries of the book fill it.
type filling struct {
	// parts are what prices the month; none where nothing does. Each has a month
	// that is running beside it, which also holds what was used before the part.
	parts   []part
	running []*pricing.Running
	// by are the plans and settings from which the parts follow.
	by basis
}

// basis is what decides by which parts a month is priced.
type basis struct {
	shelf    *shelf
	currency invoq.Currency
	timezone string
	plan     invoq.PlanID
}

// newFilling returns the month before anything was used.
func newFilling(by basis, zone *time.Location, parts []part) (*filling, error) {
	f := &filling{by: by, parts: parts}
	for _, p := range parts {
		r, err := p.sheet.Running(pricing.Period{Interval: p.Interval, Zone: zone})
		if err != nil {
			return nil, err
		}
		f.running = append(f.running, r)
	}
	return f, nil
}

// clone returns a copy that goes on by itself.
func (f *filling) clone() *filling {
	c := *f
	c.running = slices.Clone(f.running)
	for i := range c.running {
		c.running[i] = c.running[i].Clone()
	}
	return &c
}

// currency returns that of the month's plans; empty where there are none.
func (f *filling) currency() invoq.Currency {
	if len(f.parts) == 0 {
		return ""
	}
	return f.parts[0].sheet.Plan().Currency
}

// additive reports whether it makes no difference what was used before.
func (f *filling) additive() bool {
	return !slices.ContainsFunc(f.parts, func(p part) bool { return !p.sheet.Additive() })
}

// add counts an item in and returns what it adds to the month: to its own part,
// which decides whether it has a price, and to those after it, whose free units
// it may have used up.
func (f *filling) add(item pricing.Item) (pricing.Added, error) {
	sum := pricing.Added{Unpriced: pricing.NoRate}
	own := true
	for i := range f.parts {
		if !item.Start.Before(f.parts[i].End) {
			continue
		}
		added, err := f.running[i].Add(item)
		if err != nil {
			return sum, err
		}
		sum.Amount = sum.Amount.Add(added.Amount)
		if own {
			sum.Unpriced, own = added.Unpriced, false
		}
	}
	return sum, nil
}

// spans returns the stretches of the month that entries may be summed over.
func (f *filling) spans(t invoq.TenantID, zone *time.Location) ([]postgres.Span, error) {
	var cuts []time.Time
	for _, p := range f.parts {
		some, err := p.sheet.Cuts(pricing.Period{Interval: p.Interval, Zone: zone})
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, some...)
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	var spans []postgres.Span
	for i := 1; i < len(cuts); i++ {
		spans = append(spans, postgres.Span{
			Tenant: t, Interval: invoq.Interval{Start: cuts[i-1], End: cuts[i]},
		})
	}
	return spans, nil
}

// fill counts in what the spans of the month add up to.
func (f *filling) fill(p *party, spans []postgres.Span, sums [][]postgres.EntrySum) error {
	var items []pricing.Item
	for i := range sums {
		for j := range sums[i] {
			s := &sums[i][j]
			item := pricing.Item{
				Source: p.source(s.Namespace, s.Service), Meter: s.Meter, Quantity: s.Quantity,
				Interval: invoq.Interval{Start: spans[i].Interval.Start},
			}
			if s.Costed && s.Currency == f.currency() {
				item.Cost = &s.Cost
			}
			items = append(items, item)
		}
	}
	for i, r := range f.running {
		if err := r.Fill(upToStart(items, f.parts[i].End)); err != nil {
			return err
		}
	}
	return nil
}

// upToStart returns the items that begin before the instant; items are in order
// of time.
func upToStart(items []pricing.Item, end time.Time) []pricing.Item {
	n := len(items)
	for n > 0 && !items[n-1].Start.Before(end) {
		n--
	}
	return items[:n]
}
