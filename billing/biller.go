package billing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// Plans finds plans for a tenant.
type Plans interface {
	// FindPlan returns the newest version of a plan in scope, or KindNotFound.
	FindPlan(ctx context.Context, s invoq.Scope, id invoq.PlanID) (invoq.Plan, error)
	// PlansFor returns the active plans that may price a tenant, its own first,
	// the newest of them first.
	PlansFor(ctx context.Context, tenant invoq.TenantID) ([]invoq.Plan, error)
}

// Database is what bills are made from and kept in.
type Database interface {
	Plans
	FindTenant(ctx context.Context, s invoq.Scope, idOrName string) (invoq.Tenant, error)
	SumUsage(ctx context.Context, s invoq.Scope, f postgres.UsageFilter) ([]invoq.Usage, error)
	SumUsageByDay(
		ctx context.Context, s invoq.Scope, f postgres.UsageFilter, zone *time.Location,
	) ([]postgres.DayUsage, error)
	PutDraft(ctx context.Context, s invoq.Scope, b invoq.Bill) (invoq.Bill, error)
}

// Biller makes bills. It is safe for concurrent use.
type Biller struct {
	db Database
}

// New returns a biller over the database.
func New(db Database) *Biller { return &Biller{db: db} }

// Calculation is a bill and what has to be said beside it.
type Calculation struct {
	Bill invoq.Bill
	// Unpriced is usage that no rate of the plan covers: it is not on the bill.
	Unpriced []pricing.Unpriced
	// Warnings say, in words, where the usage is not certain.
	Warnings []string
}

// Preview computes the bill of a tenant for a period and stores nothing. The
// tenant is an id or a name. Errors are of KindNotFound for a tenant out of
// scope and KindUnprocessable for a period or plan that cannot be billed.
func (b *Biller) Preview(
	ctx context.Context,
	s invoq.Scope,
	tenant string,
	period invoq.Interval,
) (Calculation, error) {
	t, err := b.db.FindTenant(ctx, s, tenant)
	if err != nil {
		return Calculation{}, err
	}
	zone, err := t.Location()
	if err != nil {
		return Calculation{}, err
	}
	p := pricing.Period{Interval: period, Zone: zone}
	if err := validate(p); err != nil {
		return Calculation{}, err
	}
	plan, err := planOf(ctx, b.db, t)
	if err != nil {
		return Calculation{}, err
	}
	usage, err := b.usage(ctx, t, p)
	if err != nil {
		return Calculation{}, err
	}
	st, err := pricing.Price(plan, p, usage.items)
	if err != nil {
		return Calculation{}, fmt.Errorf("price tenant %q: %w", t.Name, err)
	}
	return Calculation{
		Bill: invoq.Bill{
			TenantID: t.ID, Period: period, Timezone: t.Timezone, Currency: plan.Currency,
			PlanID: plan.ID, PlanVersion: plan.Version, Status: invoq.BillDraft,
			Lines: st.Lines, Total: st.Total,
		},
		Unpriced: st.Unpriced,
		Warnings: usage.warnings(),
	}, nil
}

// Calculate computes the bill and stores it as the draft of its period.
func (b *Biller) Calculate(
	ctx context.Context,
	s invoq.Scope,
	tenant string,
	period invoq.Interval,
) (Calculation, error) {
	c, err := b.Preview(ctx, s, tenant, period)
	if err != nil {
		return Calculation{}, err
	}
	c.Bill, err = b.db.PutDraft(ctx, s, c.Bill)
	return c, err
}

// validate refuses periods that no bill can have.
func validate(p pricing.Period) error {
	if err := p.Validate(); err != nil {
		return err
	}
	for _, t := range []time.Time{p.Start, p.End} {
		if !invoq.Window5m.Floor(t).Equal(t) {
			return invoq.Errorf(invoq.KindUnprocessable,
				"period %s does not begin and end on a multiple of five minutes", p.Interval)
		}
	}
	return nil
}

// planOf returns the plan that prices a tenant: the one assigned to it, else
// its own newest active one, else the shared active one if there is only one.
func planOf(ctx context.Context, plans Plans, t invoq.Tenant) (invoq.Plan, error) {
	var plan invoq.Plan
	if t.PlanID != "" {
		var err error
		if plan, err = plans.FindPlan(ctx, invoq.Only(t.ID), t.PlanID); err != nil {
			return plan, fmt.Errorf("find plan of tenant %q: %w", t.Name, err)
		}
	} else {
		all, err := plans.PlansFor(ctx, t.ID)
		if err != nil {
			return plan, err
		}
		switch {
		case len(all) == 0:
			return plan, invoq.Errorf(invoq.KindUnprocessable,
				"no active plan prices tenant %q: create one, or assign one to the tenant", t.Name)
		case all[0].TenantID == "" && len(all) > 1:
			return plan, invoq.Errorf(invoq.KindUnprocessable,
				"%d shared plans are active: assign one of them to tenant %q", len(all), t.Name)
		}
		plan = all[0]
	}
	if plan.Currency != t.Currency {
		return plan, invoq.Errorf(invoq.KindUnprocessable, "plan %q is in %s, but tenant %q is billed in %s",
			plan.Name, plan.Currency, t.Name, t.Currency)
	}
	return plan, nil
}

// gathered is the usage of a period, ready to be priced.
type gathered struct {
	items                    []pricing.Item
	assumed, unmeasured, gap invoq.Decimal
}

// usage sums the windows of every stretch that is priced as one: calendar
// months in the tenant's zone, cut where the period begins.
func (b *Biller) usage(ctx context.Context, t invoq.Tenant, p pricing.Period) (gathered, error) {
	var all gathered
	for _, stretch := range stretches(p) {
		sums, err := b.db.SumUsage(
			ctx,
			invoq.Only(t.ID),
			postgres.UsageFilter{Tenant: t.ID, Interval: stretch},
		)
		if err != nil {
			return gathered{}, err
		}
		for _, u := range sums {
			source := &pricing.Source{
				Namespace: u.Namespace,
				Service:   u.Service,
				Revision:  u.Revision,
				Tags:      u.Tags,
			}
			for _, m := range invoq.Meters() {
				if q := u.Of(m); !q.IsZero() {
					all.items = append(
						all.items,
						pricing.Item{Interval: stretch, Source: source, Meter: m, Quantity: q},
					)
				}
			}
			if stretch.Start.Before(p.Start) {
				continue // It only says how much of the free units is used up.
			}
			all.assumed = all.assumed.Add(u.Assumed)
			all.unmeasured = all.unmeasured.Add(u.UnmeasuredMs)
			all.gap = all.gap.Add(u.GapSeconds)
		}
	}
	return all, nil
}

// stretches returns the intervals that the period's usage is summed over.
func stretches(p pricing.Period) []invoq.Interval {
	cuts := []time.Time{p.UsageFrom(), p.Start, p.End}
	for at := p.UsageFrom(); at.Before(p.End); {
		local := at.In(p.Zone)
		at = pricing.NewMonth(local.Year(), local.Month(), p.Zone).End
		if at.Before(p.End) {
			cuts = append(cuts, at)
		}
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	var all []invoq.Interval
	for i := 1; i < len(cuts); i++ {
		all = append(all, invoq.Interval{Start: cuts[i-1].UTC(), End: cuts[i].UTC()})
	}
	return all
}

// warnings says what a reader must know before the sum is believed.
func (g gathered) warnings() []string {
	var all []string
	if !g.assumed.IsZero() {
		all = append(
			all,
			fmt.Sprintf("%s invocations were counted from first samples whose start nobody told, "+
				"while the tenant was newly watched", g.assumed),
		)
	}
	if !g.unmeasured.IsZero() {
		all = append(all, fmt.Sprintf("%s ms of duration had no known memory and are not in mb_ms: "+
			"export a memory gauge or set the service's memory_limit_mb", g.unmeasured))
	}
	if !g.gap.IsZero() {
		all = append(all, fmt.Sprintf("%s pod-seconds were seen by no scrape; what was used in them and "+
			"lost with the pod is not counted", g.gap))
	}
	return all
}
