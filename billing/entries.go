package billing

import (
	"fmt"
	"slices"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// price prices the account's entries, given by span: what the plan has a rate
// for by the plan, and the rest as it was charged by the cost catalogue.
func (a *account) price(book [][]postgres.BookUsage, t tags) (statement, error) {
	items := a.bookItems(book, t)
	st, err := priceParts(a.parts, a.period.Zone, items)
	if err != nil {
		return statement{}, fmt.Errorf("price tenant %q: %w", a.tenant.Name, err)
	}
	for i := range a.parts {
		if err := a.charge(&st, a.parts[i], book, t); err != nil {
			return statement{}, err
		}
	}
	st.warnings = append(a.doubts(book).warnings(), st.warnings...)
	st.pinned = a.pinned(book, t)
	return st, nil
}

// bookItems turns sums of entries into what is priced, in order of time.
func (a *account) bookItems(book [][]postgres.BookUsage, t tags) []pricing.Item {
	n := 0
	for _, us := range book {
		n += len(us)
	}
	items := make([]pricing.Item, 0, n)
	sources := map[revisionKey]*pricing.Source{}
	for i, us := range book {
		for j := range us {
			u := &us[j]
			key := revisionKey{u.Namespace, u.Service, u.Revision}
			source := sources[key]
			if source == nil {
				source = sourceOf(u, t)
				sources[key] = source
			}
			items = a.appendItems(items, a.spans[i].Interval, source, u)
		}
	}
	return items
}

// sourceOf returns what used something, with the tags it is priced by.
func sourceOf(u *postgres.BookUsage, t tags) *pricing.Source {
	return &pricing.Source{
		Namespace: u.Namespace, Service: u.Service, Revision: u.Revision,
		Tags: t[service{u.Namespace, u.Service}],
	}
}

// appendItems adds what is used: with its cost where that is known in the
// tenant's currency, without where it is not.
func (a *account) appendItems(
	items []pricing.Item, in invoq.Interval, source *pricing.Source, u *postgres.BookUsage,
) []pricing.Item {
	costless := u.Quantity
	if u.Currency == a.tenant.Currency && !u.Costed.IsZero() {
		costless = u.Quantity.Sub(u.Costed)
		items = append(items, pricing.Item{
			Interval: in, Source: source, Meter: u.Meter, Quantity: u.Costed, Cost: &u.RealCost,
		})
	}
	if !costless.IsZero() {
		items = append(items, pricing.Item{Interval: in, Source: source, Meter: u.Meter, Quantity: costless})
	}
	return items
}

// doubts adds up what is not certain about the period's usage.
func (a *account) doubts(book [][]postgres.BookUsage) uncertainty {
	var x uncertainty
	for i, us := range book {
		if a.spans[i].Interval.Start.Before(a.period.Start) {
			continue // It was on another bill.
		}
		for j := range us {
			x.assumed = x.assumed.Add(us[j].Assumed)
			x.unmeasured = x.unmeasured.Add(us[j].UnmeasuredMs)
			x.gap = x.gap.Add(us[j].GapSeconds)
		}
	}
	return x
}

// pinned returns what has to be kept to price the account again.
func (a *account) pinned(book [][]postgres.BookUsage, t tags) invoq.Pinned {
	var p invoq.Pinned
	asks := a.asksForTags()
	seen := map[service]bool{}
	for _, us := range book {
		for i := range us {
			if us[i].Meter == invoq.TrueUp {
				continue // What other bills of the time ask for is not on this one.
			}
			p.Catalogue = max(p.Catalogue, us[i].Catalogue)
			s := service{us[i].Namespace, us[i].Service}
			if asks && !seen[s] {
				seen[s] = true
				p.Tags = append(p.Tags, invoq.ServiceTags{Namespace: s.namespace, Service: s.name, Tags: t[s]})
			}
		}
	}
	slices.SortFunc(p.Tags, compareServices)
	return p
}
