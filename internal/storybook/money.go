package storybook

import (
	"fmt"
	"strings"
	"time"

	"invoq"
	"invoq/dashboards"
	"invoq/ledger"
)

// ownerEyes are an owner's, who may know what things cost.
var ownerEyes = dashboards.Viewer{Owner: true, Costs: true}

// bookMonths are the months of all stories' books.
var bookMonths = []string{"2026-11", "2026-10"}

// platform are users of two tenants who use a platform for AI in all ways: some
// cost more than they pay, some use what has no price.
func platform(n int) []person {
	tenants := []*client{alder(), groves()[6]} // The second has no functions.
	var all []person
	for i := range n {
		p := person{tenant: tenants[i%2], name: fmt.Sprintf("user-%03d", i+1)}
		size := int64(1 + 400/(i+1))
		p.habits = []habit{{invoq.APIRequest, "gateway", "api", 40 * size}}
		switch i % 4 {
		case 0:
			p.habits = append(p.habits, habit{invoq.AITokens, "provider-a", "large", 9000 * size})
		case 1:
			p.habits = append(p.habits, habit{invoq.AITokens, "provider-b", "small", 42000 * size},
				habit{invoq.ComputeSeconds, "cluster", "batch", 40 * size})
		case 2:
			p.habits = append(p.habits, habit{invoq.StorageMB, "disk", "archive", 1400 * size},
				habit{invoq.BandwidthMB, "edge", "cdn", 400 * size})
		}
		if i%9 == 4 {
			p.habits = append(p.habits, habit{invoq.AITokens, "provider-a", "preview", 1700 * size},
				habit{invoq.PaymentTx, "payments", "checkout", size})
		}
		all = append(all, p)
	}
	return all
}

// margins tells of the pages of margins.
func (t *teller) margins() {
	full := t.book(platform(64))
	page := func(name, title string, b *book, q dashboards.MarginsQuery) {
		t.tell(name, title, "margins", dashboards.NewMargins(b.page(q), ownerEyes))
	}
	q := dashboards.MarginsQuery{Month: bookMonths[0], By: ledger.ByUser, Page: 1}
	page("margins", "What is left of what users are billed, losses first", full, q)
	last, tenants, resources, lost := q, q, q, q
	last.Page, last.Month = 2, bookMonths[1]
	page("margins-last", "The last page of the users of the month before", full, last)
	tenants.By = ledger.ByTenant
	page("margins-tenants", "The same by tenant", full, tenants)
	resources.By, resources.Losing = ledger.ByResource, true
	page("margins-resources", "Resources that lose money", full, resources)
	lost.Search = "zz"
	page("margins-not-found", "A search that finds nobody", full, lost)
	page("margins-empty", "A month without an entry", t.book(nil), q)
	page("margins-hostile", "Names that are out for more than naming", t.book(hostilePersons()), q)
	t.users(full)
	t.tell("user-hostile", "A user with such a name", "user",
		dashboards.NewUser(t.book(hostilePersons()).userData(0), ownerEyes))
}

// users tells of a user's page.
func (t *teller) users(b *book) {
	user := func(name, title string, i int, viewer dashboards.Viewer) {
		t.tell(name, title, "user", dashboards.NewUser(b.userData(i), viewer))
	}
	self := dashboards.Viewer{Name: "alder"}
	user("user", "A user who is worth having", 0, ownerEyes)
	user("user-loss", "A user who costs more than they pay", 2, ownerEyes)
	user("user-unpriced", "A user of what has no price", 4, ownerEyes)
	user("user-self", "The same, as their tenant sees them", 4, self)
	d := b.userData(0)
	d.Days, d.Things, d.LastUse = nil, nil, time.Time{}
	t.tell("user-empty", "A user who has used nothing", "user", dashboards.NewUser(d, ownerEyes))
}

// hostilePersons are users, and things, with such names.
func hostilePersons() []person {
	var all []person
	for i, c := range hostile().clients {
		service := c.functions[min(i, len(c.functions)-1)].service
		for _, name := range []string{string(c.Name), strings.Repeat("long", 32)} {
			all = append(all, person{tenant: c, name: name, habits: []habit{
				{invoq.APIRequest, service, service, 5_000_000},
				{invoq.PaymentTx, string(c.Name), service, 77},
			}})
		}
	}
	return all
}

// book makes a book and remembers a failure.
func (t *teller) book(persons []person) *book {
	b, err := newBook(persons)
	if err != nil {
		t.fail(err)
		return &book{}
	}
	return b
}

// page is what the page of margins is made from.
func (b *book) page(q dashboards.MarginsQuery) dashboards.MarginsData {
	of := ledger.MarginQuery{Interval: dashboards.MonthInterval(q.Month)}
	table, users, days := of, of, of
	table.By, table.Losing, table.Search = q.By, q.Losing, q.Search
	table.Limit, table.Skip = dashboards.MarginRows, (q.Page-1)*dashboards.MarginRows
	users.By = ledger.ByUser
	days.By, days.Limit = ledger.ByDay, 31
	d := dashboards.MarginsData{
		Query: q, Rows: b.margins(table), Users: b.margins(users), Days: b.margins(days),
		Unpriced: b.consumption(ledger.ConsumptionQuery{Interval: of.Interval, Unpriced: true}),
	}
	if len(b.persons) > 0 {
		d.Months = bookMonths
	}
	return d
}

// userData is what the page of the i-th user is made from.
func (b *book) userData(i int) dashboards.UserData {
	p := b.persons[i]
	month := dashboards.MonthInterval(bookMonths[0])
	return dashboards.UserData{
		ID: p.id(), Name: p.name, TenantID: p.tenant.ID, Tenant: p.tenant.Name, Now: Now,
		LastUse: Now.Add(-95 * time.Minute), Month: bookMonths[0], Months: bookMonths,
		Days: b.margins(ledger.MarginQuery{
			By: ledger.ByDay, Interval: month, Tenant: p.tenant.ID, User: p.id(), Limit: 31,
		}),
		Things: b.consumption(ledger.ConsumptionQuery{Interval: month, Tenant: p.tenant.ID, User: p.id()}),
	}
}

// people adds a tenant's users to its page.
func (b *book) people(d *dashboards.TenantData, viewer dashboards.Viewer) {
	d.PeopleMonth = bookMonths[0]
	d.People = b.margins(ledger.MarginQuery{
		By: ledger.ByUser, Interval: dashboards.MonthInterval(d.PeopleMonth), Tenant: d.Tenant.ID,
		ByBilled: !viewer.Costs, Limit: dashboards.PeopleRows,
	})
}

// monthMargins are those of the owner's page.
func (b *book) monthMargins() *dashboards.MonthMargins {
	in := dashboards.MonthInterval(bookMonths[0])
	m := &dashboards.MonthMargins{
		Month: bookMonths[0], Tenants: map[invoq.TenantID]time.Time{},
		Users: b.margins(ledger.MarginQuery{By: ledger.ByUser, Interval: in, Losing: true, Limit: 5}),
	}
	for _, t := range b.margins(ledger.MarginQuery{By: ledger.ByTenant, Interval: in, Limit: 10}) {
		if !t.Total {
			m.Tenants[invoq.TenantID(t.Key)] = t.LastUse
		}
	}
	return m
}
