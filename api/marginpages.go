package api

import (
	"context"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"invoq"
	"invoq/access"
	"invoq/dashboards"
	"invoq/ledger"
	"invoq/postgres"
)

// Limits of the pages of margins.
const (
	unpricedShown = 20  // kinds of usage without a cost or price
	thingsShown   = 500 // kinds of usage of one user
	losersShown   = 5   // on the owner's page
	maxMonthDays  = 31
	// tenantsKnown bounds the tenants of whom the owner's page knows by their
	// entries when they last used something.
	tenantsKnown = 20_000
	// daysShown holds the days of a month in a few currencies.
	daysShown = 10 * maxMonthDays
)

// marginsPage shows what is left of what is billed, user by user.
func (s *Server) marginsPage(c *fiber.Ctx) error {
	ctx, scope := c.UserContext(), caller(c).Scope()
	q := dashboards.ParseMarginsQuery(func(key string) string { return c.Query(key) }, s.Now())
	d := dashboards.MarginsData{Query: q}
	tenant := invoq.TenantID("")
	if q.Tenant != "" {
		t, err := s.DB.FindTenant(ctx, scope, q.Tenant)
		if err != nil {
			return err
		}
		tenant, d.Tenant = t.ID, t.Name
	}
	of := ledger.MarginQuery{Interval: dashboards.MonthInterval(q.Month), Tenant: tenant}
	table, users, days := of, of, of
	table.By, table.Losing, table.Search = q.By, q.Losing, q.Search
	table.Limit, table.Skip = dashboards.MarginRows, (q.Page-1)*dashboards.MarginRows
	users.By = ledger.ByUser // Its totals alone.
	days.By, days.Limit = ledger.ByDay, daysShown
	sums, err := s.DB.MarginsTogether(ctx, scope, table, users, days)
	if err != nil {
		return err
	}
	d.Rows, d.Users, d.Days = sums[0], sums[1], sums[2]
	d.Unpriced, err = s.DB.Consumption(ctx, scope, ledger.ConsumptionQuery{
		Interval: of.Interval, Tenant: tenant, Unpriced: true, Limit: unpricedShown,
	})
	if err != nil {
		return err
	}
	if d.Months, err = s.DB.BookMonths(ctx, scope, ""); err != nil {
		return err
	}
	return s.render(c, "margins", dashboards.NewMargins(d, *s.viewer(c)))
}

// userPage shows what one user consumed in a month, and to those who may know
// it what that cost.
func (s *Server) userPage(c *fiber.Ctx) error {
	id, ctx, now := caller(c), c.UserContext(), s.Now()
	u, err := s.DB.FindBookUser(ctx, id.Scope(), c.Params("tenant"), c.Params("user"))
	if err != nil {
		return err
	}
	d := dashboards.UserData{
		ID: u.ID, Name: u.Name, TenantID: u.TenantID, Tenant: u.Tenant, LastUse: u.LastUse, Now: now,
		Month: dashboards.ParseMonth(c.Query("month"), now),
	}
	month := dashboards.MonthInterval(d.Month)
	d.Days, err = s.DB.Margins(ctx, id.Scope(), ledger.MarginQuery{
		By: ledger.ByDay, Interval: month, Tenant: u.TenantID, User: u.ID, Limit: daysShown,
	})
	if err != nil {
		return err
	}
	d.Things, err = s.DB.Consumption(ctx, id.Scope(), ledger.ConsumptionQuery{
		Interval: month, Tenant: u.TenantID, User: u.ID, Limit: thingsShown,
	})
	if err != nil {
		return err
	}
	if d.Months, err = s.DB.BookMonths(ctx, id.Scope(), u.TenantID); err != nil {
		return err
	}
	return s.render(c, "user", dashboards.NewUser(d, *s.viewer(c)))
}

// addPeople reads the tenant's users of the month, in an order that tells the
// viewer no more than it may know.
func (s *Server) addPeople(ctx context.Context, id access.Identity, d *dashboards.TenantData) (err error) {
	d.PeopleMonth = dashboards.ParseMonth("", d.Now)
	d.People, err = s.DB.Margins(ctx, id.Scope(), ledger.MarginQuery{
		By: ledger.ByUser, Interval: dashboards.MonthInterval(d.PeopleMonth), Tenant: d.Tenant.ID,
		ByBilled: !id.Role.May(access.ManageCosts), Limit: dashboards.PeopleRows,
	})
	return err
}

// How long the owner's page shows the same margins: while the book grows, and
// while it does not. Where summing up takes long it is done more seldom, so
// that it is a twentieth of the time at most.
const (
	marginsFresh = 10 * time.Second
	marginsLife  = 5 * time.Minute
	marginsShare = 20
)

// monthMargins keeps the margins of the owner's page, which is looked at more
// often than a book of millions should be summed up. It is safe for concurrent
// use.
type monthMargins struct {
	db *postgres.DB

	mu   sync.Mutex
	last dashboards.MonthMargins
	size int64 // of the book, when they were summed up
	at   time.Time
	took time.Duration
}

// latest returns the margins of the month of now, not much older than the book.
func (m *monthMargins) latest(ctx context.Context, now time.Time) (*dashboards.MonthMargins, error) {
	size, _, err := m.db.Tail(ctx)
	if err != nil {
		return nil, err
	}
	month := dashboards.ParseMonth("", now)
	m.mu.Lock()
	defer m.mu.Unlock()
	age := now.Sub(m.at)
	fresh := max(marginsFresh, marginsShare*m.took)
	if m.last.Month == month && (age < fresh || m.size == size && age < marginsLife) {
		last := m.last
		return &last, nil
	}
	started := time.Now()
	in := dashboards.MonthInterval(month)
	sums, err := m.db.MarginsTogether(ctx, invoq.Everyone(),
		ledger.MarginQuery{By: ledger.ByUser, Interval: in, Losing: true, Limit: losersShown},
		ledger.MarginQuery{By: ledger.ByTenant, Interval: in, Limit: tenantsKnown})
	if err != nil {
		return nil, err
	}
	m.last = dashboards.MonthMargins{Month: month, Users: sums[0], Tenants: map[invoq.TenantID]time.Time{}}
	for _, t := range sums[1] {
		if !t.Total {
			m.last.Tenants[invoq.TenantID(t.Key)] = t.LastUse
		}
	}
	m.size, m.at = size, now
	m.took = time.Since(started)
	last := m.last
	return &last, nil
}
