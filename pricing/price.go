package pricing

import (
	"time"

	"invoq"
)

// Price prices the usage of a period by a plan; see Sheet.Price.
func Price(plan invoq.Plan, period Period, usage []Item) (Statement, error) {
	s, err := Compile(plan)
	if err != nil {
		return Statement{}, err
	}
	return s.Price(period, usage)
}

// Price prices the usage of a period. It needs the usage from
// Period.UsageFrom to the end of the period, in any order, and refuses items
// outside.
//
// Each calendar month is priced marginally: the charge for the month up to
// where the period leaves it, less the charge for the month up to where the
// period enters it. So the exact amounts of any parts of a month add up to the
// month's, and free units are used once.
//
// Errors are of KindUnprocessable: an invalid period, an item outside or
// across a boundary, or a meter whose items take back more than was used.
func (s *Sheet) Price(period Period, usage []Item) (Statement, error) {
	if err := period.Validate(); err != nil {
		return Statement{}, err
	}
	all := period.stretches()
	t := newTally(s, s.timelines(period, all))
	if err := t.add(usage); err != nil {
		return Statement{}, err
	}
	byRate := t.byRate()
	st := Statement{
		Currency: s.plan.Currency, Lines: []invoq.BillLine{}, Unpriced: unpriced(byRate),
	}
	for i := range all {
		m := month{
			sheet: s, zone: period.Zone, stretch: all[i], index: i, statement: &st,
			before: pools{}, whole: pools{},
		}
		if err := m.price(byRate); err != nil {
			return Statement{}, err
		}
	}
	return st, nil
}

// errorOutside refuses usage from outside the period.
func errorOutside(i int, item *Item, t *timeline) error {
	return invoq.Errorf(invoq.KindUnprocessable,
		"usage item %d of %q at %s is outside the priced time [%s, %s)",
		i, clip(string(item.Meter)), rfc3339(item.Start),
		instant(t.starts[0]), instant(t.starts[len(t.starts)-1]))
}

// errorStraddles refuses usage of which only a part would fall under a price.
func errorStraddles(i int, item *Item, boundary int64) error {
	if item.end().Before(item.Start) {
		return invoq.Errorf(invoq.KindUnprocessable,
			"usage item %d of %q ends before it starts, at %s",
			i, clip(string(item.Meter)), rfc3339(item.Start))
	}
	return invoq.Errorf(invoq.KindUnprocessable,
		"usage item %d of %q from %s to %s reaches over %s, "+
			"where its price can change: cut it there",
		i, clip(string(item.Meter)), rfc3339(item.Start), rfc3339(item.end()), instant(boundary))
}

// instant spells a time given in nanoseconds.
func instant(nanos int64) string { return rfc3339(time.Unix(0, nanos)) }

// rfc3339 spells a time in UTC.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
