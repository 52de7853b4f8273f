package storybook

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"invoq"
	"invoq/ledger"
	"invoq/pricing/catalogue"
)

// habit is what a user consumes of one thing on a working day.
type habit struct {
	meter             invoq.Meter
	provider, service string
	perDay            int64
}

// person is a user of a tenant.
type person struct {
	tenant *client
	name   string
	habits []habit
}

// id is the same every time.
func (p person) id() ledger.UserID {
	sum := 0
	for _, c := range string(p.tenant.ID) + p.name {
		sum = (sum*31 + int(c)) % 1_000_000_007
	}
	return ledger.UserID(fmt.Sprintf("0193a6c3-0000-7000-8000-%012d", sum))
}

// book is a ledger in memory: entries by user, day and habit.
type book struct {
	persons []person
	entries []bookEntry
}

// bookEntry is an entry with whose it is.
type bookEntry struct {
	ledger.Entry
	person person
}

// costs is the owner's catalogue, with all four models, and nothing on what
// payments cost.
func costs() (*catalogue.Catalogue, error) {
	item := func(m invoq.Meter, service, cost, per string, model invoq.RateKind, factor string) catalogue.Item {
		i := catalogue.Item{
			Meter: m, Service: service, Cost: invoq.MustDecimal(cost), Per: invoq.MustDecimal(per), Model: model,
		}
		if factor != "" {
			i.Factor = invoq.MustDecimal(factor)
		}
		return i
	}
	return catalogue.New(1, "USD", []catalogue.Item{
		item(invoq.AITokens, "large", "12", "1e6", invoq.RateMarkup, "1.5"),
		item(invoq.AITokens, "small", "0.4", "1e6", invoq.RateMarkup, "2"),
		item(invoq.AITokens, "preview", "20", "1e6", "", ""),
		item(invoq.APIRequest, "", "0.001", "1", invoq.RateMarkup, "2"),
		item(invoq.StorageMB, "", "0.0001", "1", invoq.RateSubsidized, "0.4"),
		item(invoq.ComputeSeconds, "", "0.0008", "1", invoq.RateFixed, ""),
		item(invoq.BandwidthMB, "", "0.00002", "1", invoq.RateFree, ""),
	})
}

// newBook has everybody keep their habits from the start of the month before
// until now, rated by the catalogue.
func newBook(persons []person) (*book, error) {
	prices, err := costs()
	if err != nil {
		return nil, err
	}
	b := &book{persons: persons}
	first := time.Date(Now.Year(), Now.Month()-1, 1, 9, 0, 0, 0, time.UTC)
	for day := first; day.Before(Now); day = day.AddDate(0, 0, 1) {
		for i, p := range persons {
			for _, h := range p.habits {
				wobble := 70 + int64(day.YearDay()*37+i*11+len(h.service)*5)%61
				b.add(prices, p, h, day, h.perDay*weekdays[day.Weekday()]*wobble/10000)
			}
		}
	}
	return b, nil
}

// add appends an entry, rated as a server would.
func (b *book) add(prices *catalogue.Catalogue, p person, h habit, at time.Time, n int64) {
	e := ledger.Entry{
		TenantID: p.tenant.ID, UserID: p.id(), Provider: h.provider, Service: h.service, Meter: h.meter,
		Quantity: invoq.NewDecimal(n, 0), EventTime: at,
	}
	e.Currency = prices.Currency()
	charge, covered := prices.Charge(catalogue.Usage{
		Tenant: p.tenant.Name, Provider: h.provider, Service: h.service, Meter: h.meter,
		Quantity: e.Quantity, At: at,
	})
	if covered {
		e.Costed, e.RealCost = true, charge.RealCost
		e.Priced, e.BilledCost, e.Model = charge.Priced, charge.BilledCost, ledger.Model(charge.Model)
	}
	b.entries = append(b.entries, bookEntry{e, p})
}

// within returns the entries that a query is about.
func (b *book) within(in invoq.Interval, tenant invoq.TenantID, user ledger.UserID) []bookEntry {
	var found []bookEntry
	for _, e := range b.entries {
		inside := !e.EventTime.Before(in.Start) && e.EventTime.Before(in.End)
		if inside && (tenant == "" || e.TenantID == tenant) && (user == "" || e.UserID == user) {
			found = append(found, e)
		}
	}
	return found
}

// row returns the empty sum that an entry belongs to.
func (e bookEntry) row(by ledger.MarginBy) ledger.Margin {
	m := ledger.Margin{Currency: e.Currency}
	switch by {
	case ledger.ByUser:
		m.Key, m.Name, m.TenantID, m.Tenant = string(e.UserID), e.person.name, e.TenantID, e.person.tenant.Name
	case ledger.ByTenant:
		m.Key, m.Name = string(e.TenantID), string(e.person.tenant.Name)
	case ledger.ByService:
		m.Key, m.Name = e.Service, e.Service
	case ledger.ByResource:
		m.Key, m.Name = string(e.Meter), string(e.Meter)
	case ledger.ByDay:
		m.Key = e.EventTime.Format(time.DateOnly)
		m.Name = m.Key
	}
	return m
}

// margins answers a query as the database would.
func (b *book) margins(q ledger.MarginQuery) []ledger.Margin {
	total := ledger.Margin{Total: true, Currency: "USD"}
	at := map[string]int{}
	var rows []ledger.Margin
	for _, e := range b.within(q.Interval, q.Tenant, q.User) {
		row := e.row(q.By)
		i, seen := at[row.Key]
		if !seen {
			i = len(rows)
			at[row.Key] = i
			rows = append(rows, row)
		}
		include(&rows[i], e)
		include(&total, e)
	}
	if len(rows) == 0 {
		return nil
	}
	total.Rows = int64(len(rows))
	rows = slices.DeleteFunc(rows, func(m ledger.Margin) bool {
		loses := m.Margin().Sign() < 0
		if loses {
			total.Losing++
		}
		return q.Losing && !loses || !strings.Contains(m.Name, q.Search)
	})
	slices.SortFunc(rows, func(x, y ledger.Margin) int {
		by := x.Margin().Cmp(y.Margin())
		if q.ByBilled {
			by = y.BilledCost.Cmp(x.BilledCost)
		}
		return cmp.Or(by, cmp.Compare(x.Key, y.Key))
	})
	rows = rows[min(q.Skip, len(rows)):]
	return append([]ledger.Margin{total}, rows[:min(q.Limit, len(rows))]...)
}

// include adds an entry to a sum.
func include(m *ledger.Margin, e bookEntry) {
	m.Entries++
	if e.Unpriced() != "" {
		m.Unpriced++
	}
	m.RealCost, m.BilledCost = m.RealCost.Add(e.RealCost), m.BilledCost.Add(e.BilledCost)
	if e.EventTime.After(m.LastUse) {
		m.LastUse = e.EventTime
	}
}

// consumption answers a query as the database would.
func (b *book) consumption(q ledger.ConsumptionQuery) []ledger.Consumption {
	at := map[habit]int{}
	var all []ledger.Consumption
	for _, e := range b.within(q.Interval, q.Tenant, q.User) {
		if q.Unpriced && e.Unpriced() == "" {
			continue
		}
		key := habit{meter: e.Meter, provider: e.Provider, service: e.Service}
		i, seen := at[key]
		if !seen {
			i = len(all)
			at[key] = i
			all = append(all, ledger.Consumption{
				Meter: e.Meter, Provider: e.Provider, Service: e.Service, Model: e.Model, Currency: e.Currency,
			})
		}
		c := &all[i]
		c.Entries++
		if !e.Costed {
			c.NoCost++
		}
		if !e.Priced {
			c.NoPrice++
		}
		c.Quantity = c.Quantity.Add(e.Quantity)
		c.RealCost, c.BilledCost = c.RealCost.Add(e.RealCost), c.BilledCost.Add(e.BilledCost)
	}
	slices.SortStableFunc(all, func(x, y ledger.Consumption) int { return y.BilledCost.Cmp(x.BilledCost) })
	return all
}
