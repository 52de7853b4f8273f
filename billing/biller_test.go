package billing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// database is a database in memory with one tenant and hourly usage of one
// service, whose invocations are one an hour.
type database struct {
	tenant   invoq.Tenant
	plans    []invoq.Plan // the versions of one ascending
	assigned []invoq.PlanAssignment
	summed   []invoq.Interval
	drafts   int
}

func (d *database) FindTenant(context.Context, invoq.Scope, string) (invoq.Tenant, error) {
	return d.tenant, nil
}

func (d *database) PlanVersions(_ context.Context, _ invoq.Scope, id invoq.PlanID) ([]invoq.Plan, error) {
	var all []invoq.Plan
	for _, p := range slices.Backward(d.plans) {
		if p.ID == id {
			all = append(all, p)
		}
	}
	if all == nil {
		return nil, invoq.Errorf(invoq.KindNotFound, "no plan %q", id)
	}
	return all, nil
}

func (d *database) PlanAssignments(
	context.Context, invoq.Scope, invoq.TenantID,
) ([]invoq.PlanAssignment, error) {
	return d.assigned, nil
}

func (d *database) BillHistory(
	context.Context, invoq.Scope, []invoq.TenantID, time.Time, time.Time,
) (postgres.History, error) {
	return postgres.History{}, nil
}

func (d *database) PlansFor(context.Context, invoq.TenantID) ([]invoq.Plan, error) {
	return d.plans, nil
}

func (d *database) SumSpans(
	_ context.Context, _ invoq.Scope, spans []postgres.Span,
) ([][]invoq.Usage, error) {
	var all [][]invoq.Usage
	for _, span := range spans {
		d.summed = append(d.summed, span.Interval)
		hours := int64(span.Interval.Duration() / time.Hour)
		all = append(all, []invoq.Usage{{
			Interval: span.Interval, Service: "f", Revision: "r",
			Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(hours, 0)},
			GapSeconds: invoq.MustDecimal("1.5"),
		}})
	}
	return all, nil
}

func (d *database) SumBook(
	ctx context.Context, s invoq.Scope, spans []postgres.Span, _ int64,
) (postgres.BookSums, error) {
	usage, err := d.SumSpans(ctx, s, spans)
	sums := postgres.BookSums{Head: invoq.BookHead{Size: 1, Root: "root"}}
	for _, us := range usage {
		var all []postgres.BookUsage
		for _, u := range us {
			all = append(all, postgres.BookUsage{
				Service: u.Service, Revision: u.Revision, Meter: invoq.Invocations, Quantity: u.Invocations,
				GapSeconds: u.GapSeconds,
			})
		}
		sums.Spans = append(sums.Spans, all)
	}
	return sums, err
}

func (d *database) ServiceTags(
	context.Context, invoq.Scope, []invoq.TenantID,
) (map[invoq.TenantID][]invoq.ServiceTags, error) {
	return nil, nil
}

func (d *database) SumUsageByDay(
	_ context.Context, _ invoq.Scope, f postgres.UsageFilter, zone *time.Location,
) ([]postgres.DayUsage, error) {
	var all []postgres.DayUsage
	for at := f.Interval.Start.In(zone); at.Day() <= 12; at = at.AddDate(0, 0, 1) {
		for i, service := range []string{"f", "g"} {
			all = append(all, postgres.DayUsage{Day: at.Format(time.DateOnly), Usage: invoq.Usage{
				Service: service, Revision: "r",
				Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(int64(24*(i+1)), 0)},
			}})
		}
	}
	return all, nil
}

func (d *database) PutDraft(_ context.Context, _ invoq.Scope, b invoq.Bill) (invoq.Bill, error) {
	d.drafts++
	return b, nil
}

func plan(id string, change func(*invoq.Plan)) invoq.Plan {
	p := invoq.Plan{
		ID:       invoq.PlanID(id),
		Version:  1,
		Name:     id,
		Currency: "EUR",
		Active:   true,
		Rates: []invoq.Rate{
			{
				Meter:        invoq.Invocations,
				Price:        invoq.MustDecimal("0.01"),
				FreePerMonth: invoq.NewDecimal(100, 0),
			},
		},
	}
	if change != nil {
		change(&p)
	}
	return p
}

func berlin(day string) time.Time {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	t, err := time.ParseInLocation("2006-01-02", day, zone)
	if err != nil {
		panic(err)
	}
	return t
}

func TestCalculate(t *testing.T) {
	f := func(start, end string, want ...string) {
		t.Helper()
		db := &database{
			tenant: invoq.Tenant{ID: "t", Name: "acme", Currency: "EUR", Timezone: "Europe/Berlin"},
			plans:  []invoq.Plan{plan("p", nil)},
		}
		c, err := New(db).Calculate(t.Context(), invoq.Everyone(), "acme",
			invoq.Interval{Start: berlin(start), End: berlin(end)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range c.Bill.Lines {
			got = append(
				got,
				fmt.Sprintf("%s %s: %s − %s free = %s", l.Month, l.Rate, l.Quantity, l.Free, l.Amount),
			)
		}
		got = append(got, "total "+c.Bill.Total.String())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("bill %s to %s (-want +got):\n%s", start, end, diff)
		}
		if db.drafts != 1 {
			t.Errorf("%d drafts were stored", db.drafts)
		}
	}
	// March has 743 hours in Berlin, since a Sunday of it has 23.
	f("2026-03-01", "2026-04-01", "2026-03 invocations: 743 − 100 free = 6.43", "total 6.43")
	// The free units of March are used up before the period begins.
	f("2026-03-15", "2026-04-02",
		"2026-03 invocations: 407 − 0 free = 4.07", "2026-04 invocations: 24 − 24 free = 0", "total 4.07")
}

func TestPlanChoice(t *testing.T) {
	own := func(p *invoq.Plan) { p.TenantID = "t" }
	f := func(assigned string, want string, plans ...invoq.Plan) {
		t.Helper()
		db := &database{plans: plans, tenant: invoq.Tenant{
			ID: "t", Name: "acme", Currency: "EUR", Timezone: "UTC", PlanID: invoq.PlanID(assigned),
		}}
		march := pricing.NewMonth(2026, time.March, time.UTC)
		parts, err := agreement{db, newSheets()}.parts(t.Context(), db.tenant, march)
		got := fmt.Sprint(err)
		if err == nil {
			got = string(parts[0].billPart().PlanID)
		}
		if !strings.Contains(got, want) || want == "" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("", "no active plan")
	f("", "shared", plan("shared", nil))
	f("", "2 shared plans in EUR are active", plan("a", nil), plan("b", nil))
	f("", "own", plan("own", own), plan("a", nil), plan("b", nil))
	f("b", "b", plan("own", own), plan("a", nil), plan("b", nil))
	f("gone", "no plan", plan("a", nil))
	usd := func(p *invoq.Plan) { p.Currency = "USD" }
	f("usd", `plan "usd" is in USD`, plan("usd", usd))
	f("", `no active plan in EUR prices tenant "acme"`, plan("a", usd), plan("b", usd))
	f("", "eur", plan("a", usd), plan("eur", nil), plan("b", usd))
	f("", "eur", plan("own", func(p *invoq.Plan) { own(p); usd(p) }), plan("eur", nil))
}

func TestPeriodMustBeWhole(t *testing.T) {
	db := &database{
		tenant: invoq.Tenant{ID: "t", Name: "acme", Currency: "EUR", Timezone: "UTC"},
		plans:  []invoq.Plan{plan("p", nil)},
	}
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, i := range []invoq.Interval{
		{Start: start, End: start},
		{Start: start, End: start.Add(-time.Hour)},
		{Start: start, End: start.Add(time.Minute)},
		{Start: start.Add(time.Second), End: start.Add(time.Hour)},
	} {
		_, err := New(db).Calculate(t.Context(), invoq.Everyone(), "acme", i)
		if invoq.KindOf(err) != invoq.KindUnprocessable || db.drafts > 0 {
			t.Errorf("period %s: %v", i, err)
		}
	}
}

func TestSpansCoverTheUsage(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}
	p := pricing.Period{Zone: zone, Interval: invoq.Interval{
		Start: time.Date(2026, 1, 10, 0, 0, 0, 0, zone), End: time.Date(2026, 4, 1, 0, 0, 0, 0, zone),
	}}
	sheet, err := pricing.Compile(plan("p", nil))
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAccount(invoq.Tenant{ID: "t"}, p, []part{{Interval: p.Interval, sheet: sheet}})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.spans) != 4 || !a.spans[0].Interval.Start.Equal(p.UsageFrom()) ||
		!a.spans[3].Interval.End.Equal(p.End) {
		t.Fatalf("spans %v", a.spans)
	}
	for i := 1; i < len(a.spans); i++ {
		if !a.spans[i].Interval.Start.Equal(a.spans[i-1].Interval.End) {
			t.Errorf("%v does not follow %v", a.spans[i], a.spans[i-1])
		}
	}
}

// The first 100 invocations of the month are free, 72 are used every day.
func TestMonthToDate(t *testing.T) {
	db := &database{
		tenant: invoq.Tenant{ID: "t", Name: "acme", Currency: "EUR", Timezone: "Asia/Kathmandu"},
		plans:  []invoq.Plan{plan("p", nil)},
	}
	now := time.Date(2026, 3, 12, 3, 0, 0, 0, time.UTC)
	m, err := New(db).MonthToDate(t.Context(), invoq.Everyone(), "acme", now)
	if err != nil {
		t.Fatal(err)
	}
	var days []string
	var sum invoq.Decimal
	for _, d := range m.Days {
		days = append(days, d.Day+" "+d.Cost.String())
		sum = sum.Add(d.Cost)
	}
	want := []string{
		"2026-03-01 0", "2026-03-02 0.44", "2026-03-03 0.72", "2026-03-04 0.72", "2026-03-05 0.72",
		"2026-03-06 0.72", "2026-03-07 0.72", "2026-03-08 0.72", "2026-03-09 0.72", "2026-03-10 0.72",
		"2026-03-11 0.72", "2026-03-12 0.72",
	}
	if diff := cmp.Diff(want, days); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
	if !sum.Equal(m.Bill.Total) || m.Bill.Total.String() != "7.64" {
		t.Errorf("days add up to %s, total %s", sum, m.Bill.Total)
	}
	shares := fmt.Sprint(m.Shares[0].Service, m.Shares[0].Cost, m.Shares[1].Service, m.Shares[1].Cost)
	if shares != "f2.546666666667g5.093333333333" {
		t.Errorf("shares %s", shares)
	}

	db.plans = nil
	m, err = New(db).MonthToDate(t.Context(), invoq.Everyone(), "acme", now)
	if err != nil || m.Problem == "" || len(m.Days) != 12 || !m.Days[3].Cost.IsZero() {
		t.Errorf("without a plan: %+v, %v", m, err)
	}
}

// Today is what the day added to the month's total, and never more than it.
func TestTodayIsOfTheMonthsTotal(t *testing.T) {
	of := func(service, price string) invoq.Rate {
		return invoq.Rate{
			Name: service, Meter: invoq.Invocations, Price: invoq.MustDecimal(price),
			Where: invoq.Selector{Services: []string{service}},
		}
	}
	db := &database{
		tenant: invoq.Tenant{ID: "t", Name: "acme", Currency: "EUR", Timezone: "UTC"},
		// A day of either costs 0.0048, which makes no cent; of both it would.
		plans: []invoq.Plan{plan("p", func(p *invoq.Plan) {
			p.Rates = []invoq.Rate{of("f", "0.0002"), of("g", "0.0001")}
		})},
	}
	f := func(day int, today, total string) {
		t.Helper()
		now := time.Date(2026, 3, day, 12, 0, 0, 0, time.UTC)
		m, err := New(db).MonthToDate(t.Context(), invoq.Everyone(), "acme", now)
		if err != nil {
			t.Fatal(err)
		}
		var sum invoq.Decimal
		for _, d := range m.Days {
			sum = sum.Add(d.Charge)
		}
		got := []string{m.Today().Charge.String(), m.Bill.Total.String(), sum.String()}
		if diff := cmp.Diff([]string{today, total, total}, got); diff != "" {
			t.Errorf("today, total and the days' sum on %s (-want +got):\n%s", now, diff)
		}
	}
	f(1, "0", "0")
	f(2, "0.02", "0.02") // Each 0.0096.
	f(3, "0", "0.02")    // Each 0.0144.
}
