package billing

import (
	"context"
	"fmt"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// sharePlaces is how many decimal places a share of a cost is shown with.
const sharePlaces = 12

// Month is a tenant's calendar month so far: what was used and what it costs,
// by day and by revision.
type Month struct {
	Tenant invoq.Tenant
	// Plan is the plan in force; empty when Problem says why there is none.
	Plan invoq.Plan
	// Problem is why the month cannot be priced, in words; costs are 0 then.
	Problem string
	Calculation
	// Days are the days of the month up to now, each with the growth of the
	// bill's exact total: their costs add up to it.
	Days []Day
	// Shares are the revisions' parts of the exact total, by their quantities.
	Shares []Share
}

// Day is one calendar day in the tenant's zone.
type Day struct {
	Day  string // 2006-01-02
	Cost invoq.Decimal
	invoq.Quantities
}

// Share is one revision's usage of the month and its part of the cost.
type Share struct {
	Namespace, Service, Revision string
	Cost                         invoq.Decimal // to 12 places, half up
	invoq.Quantities
}

// MonthToDate computes the calendar month that contains now, up to the end of
// its current day. The tenant is an id or a name.
func (b *Biller) MonthToDate(
	ctx context.Context,
	s invoq.Scope,
	tenant string,
	now time.Time,
) (Month, error) {
	t, err := b.db.FindTenant(ctx, s, tenant)
	if err != nil {
		return Month{}, err
	}
	zone, err := t.Location()
	if err != nil {
		return Month{}, err
	}
	local := now.In(zone)
	period := pricing.NewMonth(local.Year(), local.Month(), zone)
	usage, err := b.db.SumUsageByDay(
		ctx,
		invoq.Only(t.ID),
		postgres.UsageFilter{Tenant: t.ID, Interval: period.Interval},
		zone,
	)
	if err != nil {
		return Month{}, err
	}
	m := Month{Tenant: t}
	m.Bill = invoq.Bill{
		TenantID: t.ID,
		Period:   period.Interval,
		Timezone: t.Timezone,
		Currency: t.Currency,
		Status:   invoq.BillDraft,
	}
	m.Plan, err = b.planOf(ctx, t)
	switch invoq.KindOf(err) {
	case "":
	case invoq.KindUnprocessable, invoq.KindNotFound:
		m.Problem = invoq.MessageOf(err)
	default:
		return Month{}, err
	}
	if err := m.price(usage, period, local); err != nil {
		return Month{}, fmt.Errorf("price month of tenant %q: %w", t.Name, err)
	}
	return m, nil
}

// price fills in the costs, day by day: each day's is what it adds to the
// month's, so that free units and tiers fall on the days that used them.
func (m *Month) price(usage []postgres.DayUsage, month pricing.Period, now time.Time) error {
	items, sums := m.gather(usage, month)
	var before invoq.Decimal
	for n := 1; n <= now.Day(); n++ {
		day := dayOf(now.Year(), now.Month(), n, month.Zone)
		label := fmt.Sprintf("%s-%02d", now.Format("2006-01"), n)
		d := Day{Day: label, Quantities: sums[label]}
		if m.Problem == "" {
			st, err := pricing.Price(m.Plan, pricing.Period{
				Interval: invoq.Interval{Start: month.Start, End: day.End}, Zone: month.Zone,
			}, upTo(items, day.End))
			if err != nil {
				return err
			}
			d.Cost = st.Exact.Sub(before)
			before = st.Exact
			m.Bill.Lines, m.Bill.Total, m.Unpriced = st.Lines, st.Total, st.Unpriced
		}
		m.Days = append(m.Days, d)
	}
	m.Bill.PlanID, m.Bill.PlanVersion = m.Plan.ID, m.Plan.Version
	m.share()
	return nil
}

// gather turns the days' usage into items and sums, and fills in the shares'
// quantities.
func (m *Month) gather(
	usage []postgres.DayUsage,
	month pricing.Period,
) ([]pricing.Item, map[string]invoq.Quantities) {
	var items []pricing.Item
	var g gathered
	sums := map[string]invoq.Quantities{}
	at := map[pricingKey]int{}
	for _, u := range usage {
		date, err := time.Parse(time.DateOnly, u.Day)
		if err != nil {
			panic("BUG: day " + u.Day + " of the database is not a date")
		}
		day := dayOf(date.Year(), date.Month(), date.Day(), month.Zone)
		source := &pricing.Source{
			Namespace: u.Namespace,
			Service:   u.Service,
			Revision:  u.Revision,
			Tags:      u.Tags,
		}
		for _, meter := range invoq.Meters() {
			if q := u.Of(meter); !q.IsZero() {
				items = append(items, pricing.Item{Interval: day, Source: source, Meter: meter, Quantity: q})
			}
		}
		sums[u.Day] = sums[u.Day].Add(u.Quantities)
		g.assumed, g.unmeasured, g.gap = g.assumed.Add(
			u.Assumed,
		), g.unmeasured.Add(
			u.UnmeasuredMs,
		), g.gap.Add(
			u.GapSeconds,
		)
		key := pricingKey{u.Namespace, u.Service, u.Revision}
		i, known := at[key]
		if !known {
			i = len(m.Shares)
			at[key] = i
			m.Shares = append(
				m.Shares,
				Share{Namespace: u.Namespace, Service: u.Service, Revision: u.Revision},
			)
		}
		m.Shares[i].Quantities = m.Shares[i].Quantities.Add(u.Quantities)
	}
	m.Warnings = g.warnings()
	return items, sums
}

// pricingKey tells the revisions of a tenant apart.
type pricingKey struct{ namespace, service, revision string }

// share splits each line's exact charge among the revisions of the services
// that made it, by quantity.
func (m *Month) share() {
	for _, line := range m.Bill.Lines {
		if line.Quantity.Sign() <= 0 {
			continue
		}
		in := map[[2]string]bool{}
		for _, input := range line.Inputs {
			in[[2]string{input.Namespace, input.Service}] = true
		}
		for i := range m.Shares {
			s := &m.Shares[i]
			if in[[2]string{s.Namespace, s.Service}] {
				s.Cost = s.Cost.Add(line.Exact.Mul(s.Of(line.Meter)).Quo(line.Quantity, sharePlaces))
			}
		}
	}
}

// upTo returns the items that end by the instant; items are in order of time.
func upTo(items []pricing.Item, end time.Time) []pricing.Item {
	n := len(items)
	for n > 0 && items[n-1].End.After(end) {
		n--
	}
	return items[:n]
}

// dayOf returns the calendar day of the zone, as an interval.
func dayOf(year int, month time.Month, day int, zone *time.Location) invoq.Interval {
	midnight := func(day int) time.Time {
		return pricing.FirstInstant(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), zone)
	}
	return invoq.Interval{Start: midnight(day), End: midnight(day + 1)}
}
