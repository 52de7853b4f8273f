package pricing

import (
	"time"

	"invoq"
)

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
	t := newTally(s, all)
	if err := t.add(usage); err != nil {
		return Statement{}, err
	}
	st := Statement{Currency: s.plan.Currency, Unpriced: t.unpriced()}
	for i, stretch := range all {
		for j := range s.rates {
			line, err := s.rates[j].line(stretch, t.used(j, i))
			if err != nil {
				return Statement{}, err
			}
			st.add(s.digits, line)
		}
	}
	return st, nil
}

// line prices one rate in one month's stretch.
func (r *rate) line(s stretch, u used) (invoq.BillLine, error) {
	if u.before.Sign() < 0 || u.within.Sign() < 0 {
		return invoq.BillLine{}, invoq.Errorf(invoq.KindUnprocessable,
			"items of %q in %s take back more than was used", r.Label(), s.label)
	}
	whole := u.before.Add(u.within)
	freeBefore := freeUnits(u.before, r.FreePerMonth)
	free := freeUnits(whole, r.FreePerMonth)
	chargeBefore := perUnit(u.before.Sub(freeBefore), r.unitPrice)
	charge := perUnit(whole.Sub(free), r.unitPrice)
	line := invoq.BillLine{
		Rate:     r.Label(),
		Kind:     invoq.LineUsage,
		Meter:    r.Meter,
		Month:    s.label,
		Quantity: u.within,
		Free:     free.Sub(freeBefore),
		Price:    r.unitPrice,
		Exact:    charge.Sub(chargeBefore),
		Inputs:   u.inputs,
	}
	line.Billable = line.Quantity.Sub(line.Free)
	return line, nil
}

func errorOutside(i int, item *Item, t *timeline) error {
	return invoq.Errorf(invoq.KindUnprocessable,
		"usage item %d of %q at %s is outside the priced time [%s, %s)", i, item.Meter,
		rfc3339(item.Start), instant(t.starts[0]), instant(t.starts[len(t.starts)-1]))
}

func errorStraddles(i int, item *Item, boundary int64) error {
	if item.end().Before(item.Start) {
		return invoq.Errorf(invoq.KindUnprocessable, "usage item %d of %q ends before it starts, at %s",
			i, item.Meter, rfc3339(item.Start))
	}
	return invoq.Errorf(invoq.KindUnprocessable,
		"usage item %d of %q from %s to %s reaches over %s, where its price can change: cut it there",
		i, item.Meter, rfc3339(item.Start), rfc3339(item.end()), instant(boundary))
}

func instant(nanos int64) string { return rfc3339(time.Unix(0, nanos)) }

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
