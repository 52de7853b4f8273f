package billing_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/internal/booktest"
	"invoq/internal/pgtest"
	"invoq/postgres"
	"invoq/pricing"
)

// Every five minutes around the ends of a year's months are on exactly one
// monthly bill, whatever the tenant's zone: none twice east of Greenwich, none
// lost west of it, and no part of an hour where days begin within hours in UTC.
func TestEveryMinuteIsBilledOnce(t *testing.T) {
	d := openDesk(t)
	zones := []string{
		"UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Lord_Howe",
		"Pacific/Chatham", "America/Sao_Paulo", "Europe/Berlin", "America/St_Johns",
	}
	if testing.Short() {
		zones = zones[4:7]
	}
	for _, zone := range zones {
		d.aroundMonths(d.tenant(zone, zone))
	}
	d.must(d.db.AggregatedUntil(t.Context(), time.Date(2027, 1, 3, 0, 0, 0, 0, time.UTC)))
	booktest.Post(t, d.db)
	for _, zone := range zones {
		loc, err := time.LoadLocation(zone)
		d.must(err)
		for m := time.January; m <= time.December; m++ {
			c, err := d.biller.Preview(t.Context(), everyone, zone, pricing.NewMonth(2026, m, loc).Interval)
			d.must(err)
			// An hour after the month began, an hour before it ended.
			if got := c.Bill.Lines[0].Quantity; !got.Equal(invoq.NewDecimal(24, 0)) {
				t.Errorf("%s in %s: %s five-minute windows are billed", m, zone, got)
			}
		}
	}
}

// aroundMonths stores one invocation in every five minutes within an hour of
// where the tenant's months of the year begin and end.
func (d *desk) aroundMonths(t invoq.Tenant) {
	d.t.Helper()
	zone, err := t.Location()
	d.must(err)
	for m := time.January; m <= time.December+1; m++ {
		start := pricing.NewMonth(2026, m, zone).Start
		w := postgres.Windows{
			Interval: invoq.Interval{Start: start.Add(-time.Hour).UTC(), End: start.Add(time.Hour).UTC()},
			Tenants:  []invoq.TenantName{t.Name},
			Watched:  map[invoq.TenantName]time.Time{t.Name: start.AddDate(-1, 0, 0)},
		}
		for at := w.Interval.Start; at.Before(w.Interval.End); at = at.Add(5 * time.Minute) {
			w.Rows = append(w.Rows, invoq.Usage{
				Interval: invoq.Interval{Start: at, End: at.Add(5 * time.Minute)},
				Tenant:   t.Name, Service: "waiter", Revision: "waiter-00001",
				Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(1, 0)},
			})
		}
		d.must(d.db.StoreWindows(d.t.Context(), w))
	}
}

// Quantities beyond what a machine integer holds are billed to the last unit.
func TestLargeAmountsAreExact(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	for _, at := range []string{"2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-31T23:55:00Z"} {
		d.use("acme", at, 9_000_000_000_000_000_001)
	}
	wantLines(t, d.issue("acme", time.March),
		"2026-03 invocations 27000000000000000003 − 100 = 269999999999999999.03", "total 269999999999999999.03")
}

// A tenant with more services than any page has is billed for each of them.
func TestManyServicesAreAllBilled(t *testing.T) {
	db := openFrom(t, pgtest.URL(t, billedFleet("wide", size{tenants: 1, services: 1100, every: 300})))
	if err := runner(db, 10).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := db.ListBills(t.Context(), everyone, postgres.BillFilter{}, invoq.Page{Limit: 10})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d bills: %v", len(all), err)
	}
	for _, l := range all[0].Lines {
		if len(l.Inputs) != 1100 {
			t.Errorf("line %s is made of %d services", l.Rate, len(l.Inputs))
		}
	}
}

// Every line of a bill in parts, by the clock, adds up from the entries that it
// names; and the tenant's page said the same before the month was over.
func TestTraceAddsUp(t *testing.T) {
	db := openFrom(t, pgtest.URL(t, billedFleet("run", size{tenants: 60, services: 2})))
	c, err := billing.New(db).Calculate(t.Context(), everyone, "tenant-17", march())
	if err != nil {
		t.Fatal(err)
	}
	office := billing.NewOffice(db, time.Hour, time.Now)
	trace, err := office.Explain(t.Context(), everyone, c.Bill.ID)
	if err != nil {
		t.Fatal(err)
	}
	plans := map[string]bool{}
	for _, l := range trace.Lines {
		var sum invoq.Decimal
		for _, u := range l.Usage {
			sum = sum.Add(u.Quantity)
		}
		if !sum.Equal(l.Line.Quantity) || len(l.Usage) < 10 || len(l.Text) < 2 {
			t.Errorf("line %s of %s: the entries of %d days add up to %s, the quantity is %s",
				l.Line.Rate, l.Line.Period, len(l.Usage), sum, l.Line.Quantity)
		}
		plans[l.Plan.Name] = true
	}
	if !plans["night"] || !plans["standard"] {
		t.Errorf("plans %v", plans)
	}
	m, err := billing.New(db).MonthToDate(t.Context(), everyone, "tenant-17", march().End.Add(-time.Minute))
	if err != nil || !m.Bill.Total.Equal(c.Bill.Total) || m.Plan.Name != "night" {
		t.Errorf("the page says %s by %q, the bill %s: %v", m.Bill.Total, m.Plan.Name, c.Bill.Total, err)
	}
	again, err := office.Recompute(t.Context(), everyone, c.Bill.ID)
	if err != nil || !again.Agrees() {
		t.Errorf("recomputed %v: %v", again.Agrees(), err)
	}
}

// What was corrected and what was billed add up to what the usage comes to,
// however usage changes between bills.
func TestCorrectionsConverge(t *testing.T) {
	d := openDesk(t)
	rng := rand.New(rand.NewPCG(3, 5))
	for n := range 12 {
		name := fmt.Sprintf("tenant-%d", n)
		tenant := d.tenant(name, "UTC")
		var billed, right invoq.Decimal
		for m := time.January; m <= time.March; m++ {
			for range 1 + rng.IntN(3) {
				at := time.Date(2026, time.Month(1+rng.IntN(int(m))), 5, 0, 0, 0, 0, time.UTC)
				d.use(name, at.Format(time.RFC3339), rng.Int64N(5000))
			}
			billed = billed.Add(d.issue(name, m).Total)
		}
		billed = billed.Add(d.draft(name, time.April).Total)
		for m := time.January; m <= time.March; m++ {
			sim, err := d.biller.Simulate(t.Context(), billing.Simulate{
				Tenant: tenant, Zone: time.UTC, Period: month(m), Plans: []invoq.Plan{d.plan},
			})
			d.must(err)
			right = right.Add(sim.Results[0].Statement.Total)
		}
		if !billed.Equal(right) {
			t.Errorf("%s: billed %s in all, the usage comes to %s", name, billed, right)
		}
	}
}
