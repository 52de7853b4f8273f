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
	if q.Tenant.ID != "" {
		past, err := b.pastUsage(ctx, q, p)
		if err != nil {
			return pricing.Simulation{}, err
		}
		items = slices.Concat(past, items)
	}
	return pricing.Simulate(q.Plans, p, items)
}

// pastUsage reads what the tenant used, cut for all plans.
func (b *Biller) pastUsage(
	ctx context.Context, q Simulate, p pricing.Period,
) ([]pricing.Item, error) {
	parts := make([]part, len(q.Plans))
	for i, plan := range q.Plans {
		sheet, err := pricing.Compile(plan)
		if err != nil {
			return nil, err
		}
		parts[i] = part{Interval: p.Interval, sheet: sheet}
	}
	a, err := newAccount(q.Tenant, p, parts)
	if err != nil {
		return nil, err
	}
	w := workshop{db: b.db, scope: invoq.Only(q.Tenant.ID)}
	all := []bench{{order: order{tenant: q.Tenant, period: p}, account: a}}
	if err := w.readTags(ctx, all); err != nil {
		return nil, err
	}
	book, err := b.db.SumBook(ctx, w.scope, a.spans, postgres.WholeBook)
	if err != nil {
		return nil, err
	}
	return a.bookItems(book.Spans, all[0].tags), nil
}
