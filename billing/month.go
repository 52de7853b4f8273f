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
	// Charge is the growth of the bill's total, whose lines are rounded: the
	// charges add up to the total.
	Charge invoq.Decimal
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
	maker := monthMaker{agreement: agreement{b.db, newSheets()}, db: b.db, scope: invoq.Only(t.ID)}
	return maker.month(ctx, t, monthUsage{period: period, usage: usage}, now)
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
	// known are the month's first days as they were priced by these parts before:
	// their usage and its tags have not changed since.
	known   []Day
	knownBy []invoq.BillPart
}

// monthMaker prices months to date.
type monthMaker struct {
	agreement
	db    spanSummer
	scope invoq.Scope
}

// spanSummer sums usage between any two windows.
type spanSummer interface {
	SumSpans(ctx context.Context, s invoq.Scope, spans []postgres.Span) ([][]invoq.Usage, error)
}

// month prices a tenant's month.
func (k monthMaker) month(
	ctx context.Context, t invoq.Tenant, used monthUsage, now time.Time,
) (Month, error) {
	local := now.In(used.period.Zone)
	m, err := k.priced(ctx, t, used, local)
	switch invoq.KindOf(err) {
	case "":
		return m, nil
	case invoq.KindUnprocessable, invoq.KindNotFound:
	default:
		return Month{}, fmt.Errorf("price month of tenant %q: %w", t.Name, err)
	}
	// What was used is worth showing even where it cannot be priced.
	m = newMonth(t, used.period)
	m.Problem = invoq.MessageOf(err)
	used.known = nil
	items, sums := m.gather(used.usage, used.period)
	return m, m.price(used, pricedBy{items: items, sums: sums}, local)
}

// priced prices a tenant's month, if it can be.
func (k monthMaker) priced(
	ctx context.Context, t invoq.Tenant, used monthUsage, now time.Time,
) (Month, error) {
	m := newMonth(t, used.period)
	parts, err := k.parts(ctx, t, used.period)
	if err != nil {
		return m, err
	}
	m.Bill.Parts = billParts(parts)
	if !slices.Equal(used.knownBy, m.Bill.Parts) {
		used.known = nil
	}
	items, sums := m.gather(used.usage, used.period)
	if items, err = k.finer(ctx, t, used.period, parts, items); err != nil {
		return m, err
	}
	return m, m.price(used, pricedBy{parts: parts, items: items, sums: sums}, now)
}

// finer returns the month's usage cut where prices change within days, which
// sums of days do not say; where none does, the sums of days that are given.
func (k monthMaker) finer(
	ctx context.Context, t invoq.Tenant, month pricing.Period, parts []part, days []pricing.Item,
) ([]pricing.Item, error) {
	a, err := newAccount(t, month, parts)
	if err != nil {
		return nil, err
	}
	cut := false
	for i := range a.spans {
		start := a.spans[i].Interval.Start
		day := start.In(month.Zone)
		cut = cut || !dayOf(day.Year(), day.Month(), day.Day(), month.Zone).Start.Equal(start)
	}
	if !cut {
		return days, nil
	}
	a.cutDaily()
	usage, err := k.db.SumSpans(ctx, k.scope, a.spans)
	if err != nil {
		return nil, err
	}
	items, _ := a.items(usage)
	return items, nil
}

// cutDaily cuts the account's spans at the ends of days, too.
func (a *account) cutDaily() {
	var spans []postgres.Span
	for _, s := range a.spans {
		for s.Interval.Start.Before(s.Interval.End) {
			day := s.Interval.Start.In(a.period.Zone)
			end := dayOf(day.Year(), day.Month(), day.Day(), a.period.Zone).End
			if end.After(s.Interval.End) {
				end = s.Interval.End
			}
			spans = append(spans, postgres.Span{
				Tenant: s.Tenant, Interval: invoq.Interval{Start: s.Interval.Start, End: end},
			})
			s.Interval.Start = end
		}
	}
	a.spans = spans
}

// pricedBy is what a month's days are priced by and made of.
type pricedBy struct {
	parts []part // none where the month has a problem
	items []pricing.Item
	sums  map[string]invoq.Quantities // by day
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
func (m *Month) price(used monthUsage, by pricedBy, now time.Time) error {
	month := used.period
	var before, charged invoq.Decimal
	for _, d := range used.known {
		before, charged = before.Add(d.Cost), charged.Add(d.Charge)
	}
	m.Days = append(m.Days, used.known...)
	for n := len(used.known) + 1; n <= now.Day(); n++ {
		day := dayOf(now.Year(), now.Month(), n, month.Zone)
		label := fmt.Sprintf("%s-%02d", now.Format("2006-01"), n)
		d := Day{Day: label, Quantities: by.sums[label]}
		if parts := partsUntil(by.parts, day.End); len(parts) > 0 {
			st, err := priceParts(parts, month.Zone, upTo(by.items, day.End))
			if err != nil {
				return err
			}
			d.Cost, d.Charge = st.exact.Sub(before), st.total.Sub(charged)
			before, charged = st.exact, st.total
			m.Bill.Lines, m.Bill.Total, m.Unpriced = st.lines, st.total, st.unpriced
			m.Plan = parts[len(parts)-1].sheet.Plan()
		}
		m.Days = append(m.Days, d)
	}
	if parts := partsUntil(by.parts, now); m.Plan.ID == "" && len(parts) > 0 {
		m.Plan = parts[len(parts)-1].sheet.Plan()
	}
	m.Bill.PlanID, m.Bill.PlanVersion = m.Plan.ID, m.Plan.Version
	m.share()
	return nil
}

// partsUntil returns the parts up to an instant, the last one cut there.
func partsUntil(parts []part, end time.Time) []part {
	var some []part
	for _, p := range parts {
		if !p.Start.Before(end) {
			break
		}
		if p.End.After(end) {
			p.End = end
		}
		some = append(some, p)
	}
	return some
}

// gather turns the days' usage into items and sums, and fills in the shares'
// quantities.
func (m *Month) gather(
	usage []postgres.DayUsage,
	month pricing.Period,
) ([]pricing.Item, map[string]invoq.Quantities) {
	var items []pricing.Item
	var g uncertainty
	sums := map[string]invoq.Quantities{}
	at := map[revisionKey]int{}
	var sources []*pricing.Source // of the shares
	var day invoq.Interval
	for i, u := range usage {
		if i == 0 || u.Day != usage[i-1].Day {
			day = dayNamed(u.Day, month.Zone)
		}
		sums[u.Day] = sums[u.Day].Add(u.Quantities)
		g.add(&u.Usage)
		key := revisionKey{u.Namespace, u.Service, u.Revision}
		i, known := at[key]
		if !known {
			i = len(m.Shares)
			at[key] = i
			m.Shares = append(m.Shares, Share{Namespace: u.Namespace, Service: u.Service, Revision: u.Revision})
			sources = append(sources,
				&pricing.Source{Namespace: u.Namespace, Service: u.Service, Revision: u.Revision, Tags: u.Tags})
		}
		u.Interval = day
		items = appendItems(items, &u.Usage, sources[i])
		m.Shares[i].Quantities = m.Shares[i].Quantities.Add(u.Quantities)
	}
	m.Warnings = g.warnings()
	return items, sums
}

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
