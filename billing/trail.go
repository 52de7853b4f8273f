package billing

import (
	"invoq"
	"invoq/postgres"
)

// trail finds the entries that lines of one account were made of.
type trail struct {
	account *account
	tags    tags
	spans   []postgres.Span
	book    [][]postgres.BookUsage // of the spans
}

// usage returns what was used of the line's meter and priced by its rate, by day.
func (t *trail) usage(l invoq.BillLine) []LineUsage {
	if t == nil || l.Meter == "" {
		return nil
	}
	p := t.account.partOf(l)
	in := t.reach(l, p.Interval)
	var all []LineUsage
	for i, us := range t.book {
		at := t.spans[i].Interval
		if !in.Contains(at.Start) || at.Start.In(t.account.period.Zone).Format("2006-01") != l.Month {
			continue
		}
		for j := range us {
			if quantity := t.madeOf(l, p, &us[j]); !quantity.IsZero() {
				all = addUsage(all, at, &us[j], quantity)
			}
		}
	}
	return all
}

// partOf returns the part of the account that a line is of; a line of one that
// has only one does not say so.
func (a *account) partOf(l invoq.BillLine) part {
	for _, p := range a.parts {
		if same(p.Interval, l.Period) {
			return p
		}
	}
	return a.parts[0]
}

// reach returns the time in which the usage lies that a line comes of.
func (t *trail) reach(l invoq.BillLine, in invoq.Interval) invoq.Interval {
	first := t.spans[0].Interval.Start
	switch l.Kind {
	case invoq.LineReprice:
		return invoq.Interval{Start: first, End: in.Start}
	case invoq.LineUnused, invoq.LineMinimum:
		return invoq.Interval{Start: first, End: in.End}
	}
	return in
}

// madeOf returns how much of what was used the line was made of.
func (t *trail) madeOf(l invoq.BillLine, p part, u *postgres.BookUsage) invoq.Decimal {
	var none invoq.Decimal
	if u.Meter != l.Meter {
		return none
	}
	rate, covered := p.sheet.RateOf(sourceOf(u, t.tags), u.Meter)
	own := u.Currency == t.account.tenant.Currency
	switch {
	case FromCatalogue(l):
		kind, charged := kindOf(u.Model)
		// A correction is of all models of its meter.
		if covered || !charged || !own || l.Corrects == "" && kind != l.Model {
			return none
		}
		return u.Quantity
	case !covered || rate != l.Rate:
		return none
	case l.Model == invoq.RateMarkup || l.Model == invoq.RateSubsidized:
		if !own {
			return none
		}
		return u.Costed
	}
	return u.Quantity
}

// addUsage counts a sum of entries in. Those of one revision and day may come
// apart, by how they were charged.
func addUsage(
	all []LineUsage, at invoq.Interval, u *postgres.BookUsage, quantity invoq.Decimal,
) []LineUsage {
	if n := len(all) - 1; n >= 0 && same(all[n].Interval, at) && all[n].Namespace == u.Namespace &&
		all[n].Service == u.Service && all[n].Revision == u.Revision {
		x := &all[n]
		x.Quantity, x.Entries = x.Quantity.Add(quantity), x.Entries+u.Entries
		x.First, x.Last = min(x.First, u.First), max(x.Last, u.Last)
		return all
	}
	return append(all, LineUsage{
		Interval: at, Namespace: u.Namespace, Service: u.Service, Revision: u.Revision, Quantity: quantity,
		Entries: u.Entries, First: u.First, Last: u.Last,
	})
}
