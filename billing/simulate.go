package billing

import (
	"context"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// Simulate asks what usage would cost under several plans.
type Simulate struct {
	// Tenant is whose past usage is priced, and whose calendar it is; zero: none,
	// then Zone is the calendar.
	Tenant invoq.Tenant
	Zone   *time.Location
	Period invoq.Interval
	Plans  []invoq.Plan
	// Usage is priced beside what the tenant used. Items are instants within the
	// period.
	Usage []pricing.Item
}

// Simulate prices usage by each plan, side by side. The plans see the same
// usage, cut where any of them changes a price, and it is Price itself that
// prices it: what is simulated is what the bill would be.
func (b *Biller) Simulate(ctx context.Context, q Simulate) (pricing.Simulation, error) {
	p := pricing.Period{Interval: q.Period, Zone: q.Zone}
	if err := validate(p); err != nil {
		return pricing.Simulation{}, err
	}
	if n := len(q.Plans); n == 0 || n > pricing.MaxSimulated {
		return pricing.Simulate(q.Plans, p, nil) // It says what is wrong.
	}
	// Usage before the period would use up free units without being shown.
	items := q.Usage
	for i := range items {
		if !p.Contains(items[i].Start) {
			return pricing.Simulation{}, invoq.Errorf(invoq.KindUnprocessable,
				"usage[%d].at: %s is not within the period %s", i, items[i].Start.Format(time.RFC3339), p.Interval)
		}
	}
	var past pastUsage
	if q.Tenant.ID != "" {
		var err error
		if past, err = b.past(ctx, q, p); err != nil {
			return pricing.Simulation{}, err
		}
		items = slices.Concat(past.account.bookItems(past.book, past.tags), items)
	}
	return pricing.SimulateWith(q.Plans, p, items, past.charge)
}

// pastUsage is what a tenant used, cut for all plans of a simulation.
type pastUsage struct {
	account *account // of no tenant: nothing was used; a part a plan
	book    [][]postgres.BookUsage
	tags    tags
}

// past reads what the tenant used.
func (b *Biller) past(ctx context.Context, q Simulate, p pricing.Period) (pastUsage, error) {
	parts := make([]part, len(q.Plans))
	for i, plan := range q.Plans {
		sheet, err := pricing.Compile(plan)
		if err != nil {
			return pastUsage{}, err
		}
		parts[i] = part{Interval: p.Interval, sheet: sheet}
	}
	// Costs count in the currency of the plans, whatever the tenant is billed in.
	q.Tenant.Currency = q.Plans[0].Currency
	a, err := newAccount(q.Tenant, p, parts)
	if err != nil {
		return pastUsage{}, err
	}
	w := workshop{db: b.db, scope: invoq.Only(q.Tenant.ID)}
	all := []bench{{order: order{tenant: q.Tenant, period: p}, account: a}}
	if err := w.readTags(ctx, all); err != nil {
		return pastUsage{}, err
	}
	book, err := b.db.SumBook(ctx, w.scope, a.spans, postgres.WholeBook)
	return pastUsage{account: a, book: book.Spans, tags: all[0].tags}, err
}

// charge adds what a bill by one of the plans has from the cost catalogue.
func (x pastUsage) charge(plan int, s *pricing.Statement) error {
	if x.account == nil {
		return nil
	}
	one := *x.account
	one.parts = one.parts[plan : plan+1]
	st := statement{lines: s.Lines, total: s.Total, exact: s.Exact, unpriced: s.Unpriced}
	err := one.charge(&st, one.parts[0], x.book, x.tags)
	s.Lines, s.Total, s.Exact, s.Unpriced = st.lines, st.total, st.exact, st.unpriced
	return err
}
