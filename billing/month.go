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
	period, err := monthAt(t, now)
	if err != nil {
		return Month{}, err
	}
	usage, err := b.db.SumUsageByDay(ctx, invoq.Only(t.ID),
		postgres.UsageFilter{Tenant: t.ID, Interval: period.Interval}, period.Zone)
	if err != nil {
		return Month{}, err
	}
	return monthOf(ctx, b.db, t, monthUsage{period: period, usage: usage}, now)
}

// monthAt returns the calendar month in the tenant's zone that contains now.
func monthAt(t invoq.Tenant, now time.Time) (pricing.Period, error) {
	zone, err := t.Location()
	if err != nil {
		return pricing.Period{}, err
	}
	local := now.In(zone)
	return pricing.NewMonth(local.Year(), local.Month(), zone), nil
}

// monthUsage is what a tenant used in a month, in order of days.
type monthUsage struct {
	period pricing.Period
	usage  []postgres.DayUsage
	// known are the month's first days as they were priced by this plan before:
	// their usage and its tags have not changed since.
	known   []Day
	knownBy planVersion
}

// planVersion names one version of one plan.
type planVersion struct {
	id      invoq.PlanID
	version int
}

// monthOf prices a tenant's month.
func monthOf(ctx context.Context, plans Plans, t invoq.Tenant, used monthUsage, now time.Time) (Month, error) {
	local := now.In(used.period.Zone)
	plan, err := planOf(ctx, plans, t)
	if err == nil {
		m := newMonth(t, used.period)
		m.Plan = plan
		if used.knownBy != (planVersion{plan.ID, plan.Version}) {
			used.known = nil
		}
		if err = m.price(used, local); err == nil {
			return m, nil
		}
	}
	switch invoq.KindOf(err) {
	case invoq.KindUnprocessable, invoq.KindNotFound:
	default:
		return Month{}, fmt.Errorf("price month of tenant %q: %w", t.Name, err)
	}
	// What was used is worth showing even where it cannot be priced.
	m := newMonth(t, used.period)
	m.Problem = invoq.MessageOf(err)
	used.known = nil
	return m, m.price(used, local)
}

// newMonth returns the tenant's month with nothing in it.
func newMonth(t invoq.Tenant, period pricing.Period) Month {
	m := Month{Tenant: t}
	m.Bill = invoq.Bill{
		TenantID: t.ID,
		Period:   period.Interval,
		Timezone: t.Timezone,
		Currency: t.Currency,
		Status:   invoq.BillDraft,
	}
	return m
}

// price fills in the costs, day by day: each day's is what it adds to the
// month's, so that free units and tiers fall on the days that used them.
func (m *Month) price(used monthUsage, now time.Time) error {
	month := used.period
	items, sums := m.gather(used.usage, month)
	var sheet *pricing.Sheet
	if m.Problem == "" {
		var err error
		if sheet, err = pricing.Compile(m.Plan); err != nil {
			return err
		}
	}
	var before invoq.Decimal
	for _, d := range used.known {
		before = before.Add(d.Cost)
	}
	m.Days = append(m.Days, used.known...)
	for n := len(used.known) + 1; n <= now.Day(); n++ {
		day := dayOf(now.Year(), now.Month(), n, month.Zone)
		label := fmt.Sprintf("%s-%02d", now.Format("2006-01"), n)
		d := Day{Day: label, Quantities: sums[label]}
		if sheet != nil {
			st, err := sheet.Price(pricing.Period{
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
	var sources []*pricing.Source // of the shares
	var day invoq.Interval
	for i, u := range usage {
		if i == 0 || u.Day != usage[i-1].Day {
			day = dayNamed(u.Day, month.Zone)
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
			m.Shares = append(m.Shares, Share{Namespace: u.Namespace, Service: u.Service, Revision: u.Revision})
			sources = append(sources,
				&pricing.Source{Namespace: u.Namespace, Service: u.Service, Revision: u.Revision, Tags: u.Tags})
		}
		for _, meter := range invoq.Meters() {
			if q := u.Of(meter); !q.IsZero() {
				items = append(items, pricing.Item{Interval: day, Source: sources[i], Meter: meter, Quantity: q})
			}
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

// dayNamed returns the calendar day of the zone that the database calls so.
func dayNamed(label string, zone *time.Location) invoq.Interval {
	date, err := time.Parse(time.DateOnly, label)
	if err != nil {
		panic("BUG: day " + label + " of the database is not a date")
	}
	return dayOf(date.Year(), date.Month(), date.Day(), zone)
}

// dayOf returns the calendar day of the zone, as an interval.
func dayOf(year int, month time.Month, day int, zone *time.Location) invoq.Interval {
	midnight := func(day int) time.Time {
		return pricing.FirstInstant(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), zone)
	}
	return invoq.Interval{Start: midnight(day), End: midnight(day + 1)}
}
