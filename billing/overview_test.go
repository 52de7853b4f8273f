package billing_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/internal/booktest"
	"invoq/internal/pgtest"
	"invoq/postgres"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		os.Exit(childRun(url))
	}
	if url := os.Getenv(schedulerURL); url != "" {
		os.Exit(childScheduler(url))
	}
	pgtest.Main(m)
}

var quiet = slog.New(slog.DiscardHandler)

func openDB(t testing.TB) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), pgtest.URL(t), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// use stores usage of a tenant's only service in a five-minute window.
func use(t testing.TB, db *postgres.DB, tenant invoq.TenantName, at string, invocations int64) {
	t.Helper()
	start, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	window := invoq.Interval{Start: start.UTC(), End: start.Add(5 * time.Minute).UTC()}
	err = db.StoreWindows(t.Context(), postgres.Windows{
		Interval: window,
		Tenants:  []invoq.TenantName{tenant},
		Rows: []invoq.Usage{{
			Interval: window, Tenant: tenant, Service: "waiter", Revision: "waiter-00001",
			Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(invocations, 0)},
		}},
		Watched: map[invoq.TenantName]time.Time{tenant: start},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AggregatedUntil(t.Context(), window.End); err != nil {
		t.Fatal(err)
	}
}

// story fills a database with tenants of every kind: three zones whose days
// begin at other windows' starts, a plan of their own, a plan in another
// currency, none, and one with no usage.
func story(t testing.TB, db *postgres.DB) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rates := []invoq.Rate{
		{
			Name: "gold", Meter: invoq.Invocations, Price: invoq.MustDecimal("0.01"),
			Where: invoq.Selector{Tags: map[string]string{"tier": "gold"}},
		},
		{Meter: invoq.Invocations, Price: invoq.MustDecimal("0.001"), FreePerMonth: invoq.NewDecimal(100, 0)},
	}
	shared, err := db.CreatePlan(t.Context(), invoq.Everyone(),
		invoq.Plan{Name: "standard", Currency: "USD", Active: true, Rates: rates}, "test")
	must(err)
	_, err = db.CreatePlan(t.Context(), invoq.Everyone(),
		invoq.Plan{Name: "retired", Currency: "USD", Rates: rates}, "test")
	must(err)
	for _, tenant := range []invoq.Tenant{
		{Name: "utc", Currency: "USD", Timezone: "UTC"},
		{Name: "assigned", Currency: "USD", Timezone: "America/New_York", PlanID: shared.ID},
		{Name: "half", Currency: "USD", Timezone: "Asia/Kathmandu"},
		{Name: "own", Currency: "EUR", Timezone: "Europe/Berlin"},
		{Name: "other-currency", Currency: "JPY", Timezone: "Asia/Tokyo"},
		{Name: "idle", Currency: "USD", Timezone: "UTC"},
	} {
		made, err := db.CreateTenant(t.Context(), invoq.Everyone(), tenant)
		must(err)
		if tenant.Name == "own" {
			_, err = db.CreatePlan(t.Context(), invoq.Everyone(),
				invoq.Plan{Name: "own", Currency: "EUR", Active: true, TenantID: made.ID, Rates: rates}, "test")
			must(err)
		}
		if tenant.Name == "idle" {
			continue
		}
		for i, at := range []string{
			"2026-02-28T18:10:00Z", "2026-02-28T18:20:00Z", "2026-02-28T23:00:00Z", "2026-03-01T04:55:00Z",
			"2026-03-01T05:00:00Z", "2026-03-09T18:15:00Z", "2026-03-10T09:00:00Z",
		} {
			use(t, db, tenant.Name, at, int64(50*(i+1)))
		}
	}
}

func overviews(db *postgres.DB, now func() time.Time) *billing.Overviews {
	return billing.NewOverviews(db, 2*time.Hour, quiet, now)
}

// run keeps the overviews up to date until the test ends.
func run(t testing.TB, o *billing.Overviews) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- o.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// latest asks until the overview is one made after what was done before: on a
// loaded machine making it may take longer than Latest waits.
func latest(t testing.TB, o *billing.Overviews, enough func(*billing.Overview) bool) *billing.Overview {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		v, err := o.Latest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if enough(v) {
			return v
		}
		if time.Now().After(deadline) {
			t.Fatalf("the overview stays as of %s, counted until %s", v.At, v.Counted)
		}
	}
}

// Every tenant stands in the overview exactly as on its own page, also when
// only the last days are read again.
func TestOverviewIsEveryonesMonth(t *testing.T) {
	db := openDB(t)
	story(t, db)
	var clock atomic.Pointer[time.Time]
	set := func(now time.Time) { clock.Store(&now) }
	set(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	o := overviews(db, func() time.Time { return *clock.Load() })
	run(t, o)
	compare := func(v *billing.Overview) {
		t.Helper()
		biller := billing.New(db)
		for _, s := range v.Tenants {
			want, err := biller.MonthToDate(t.Context(), invoq.Everyone(), string(s.Tenant.Name), v.At)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, s.Month); diff != "" {
				t.Errorf("tenant %q (-its own page +overview):\n%s", s.Tenant.Name, diff)
			}
		}
	}
	v := latest(t, o, func(v *billing.Overview) bool { return true })
	compare(v)
	// Of 50, 100, … 350 invocations at the story's times, those since the
	// month's first midnight, less 100 free ones, at 0.001: 900 in New York, 1350
	// in Kathmandu, whose midnight 18:15 is, 1250 in Berlin, 1100 in UTC.
	want := `assigned 0.8 today 0.35 last 09:05
half 1.25 today 0.65 last 09:05
idle 0 today 0 last never
other-currency 0 today 0 last 09:05 (no active plan in JPY prices tenant "other-currency": create one, or assign one to the tenant)
own 1.15 today 0.35 last 09:05
utc 1 today 0.35 last 09:05
`
	if diff := cmp.Diff(want, describe(v)); diff != "" {
		t.Errorf("overview (-want +got):\n%s", diff)
	}

	// Late usage within the lateness, and a day that has begun since.
	use(t, db, "utc", "2026-03-10T08:00:00Z", 7)
	use(t, db, "half", "2026-03-11T00:25:00Z", 9)
	now := time.Date(2026, 3, 11, 0, 30, 0, 0, time.UTC)
	set(now)
	v = latest(t, o, func(v *billing.Overview) bool { return v.Counted.Equal(now) && v.At.Equal(now) })
	compare(v)

	// Prices and tags change what closed days cost, too.
	standing := func(v *billing.Overview) billing.Standing { return v.Tenants[len(v.Tenants)-1] }
	_, err := db.ChangePlan(t.Context(), invoq.Everyone(), standing(v).Plan.ID, "test", func(p *invoq.Plan) error {
		p.Rates[1].Price = invoq.MustDecimal("0.002")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v = latest(t, o, func(v *billing.Overview) bool { return standing(v).Plan.Version == 2 })
	compare(v)
	before := exact(standing(v))
	_, err = db.PutService(t.Context(), invoq.Everyone(), invoq.Service{
		TenantID: standing(v).Tenant.ID, Name: "waiter", Tags: map[string]string{"tier": "gold"},
	})
	if err != nil {
		t.Fatal(err)
	}
	compare(latest(t, o, func(v *billing.Overview) bool { return !exact(standing(v)).Equal(before) }))
}

// describe writes a line a tenant.
func describe(v *billing.Overview) string {
	var b strings.Builder
	for _, s := range v.Tenants {
		last := "never"
		if !s.LastUse.IsZero() {
			last = s.LastUse.Format("15:04")
		}
		fmt.Fprintf(&b, "%s %s today %s last %s", s.Tenant.Name, exact(s), s.Today().Charge, last)
		if s.Problem != "" {
			fmt.Fprintf(&b, " (%s)", s.Problem)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Sums are by currency, and days by date.
func TestNewOverview(t *testing.T) {
	standing := func(name, code, total string, days ...string) billing.Standing {
		s := billing.Standing{Month: billing.Month{Tenant: invoq.Tenant{
			Name: invoq.TenantName(name), Currency: invoq.Currency(code),
		}}}
		s.Bill.Total = invoq.MustDecimal(total)
		for _, d := range days {
			day, cost, _ := strings.Cut(d, " ")
			s.Days = append(s.Days, billing.Day{
				Day: day, Cost: invoq.MustDecimal(cost), Charge: invoq.MustDecimal(cost),
				Quantities: invoq.Quantities{Errors: invoq.NewDecimal(1, 0)},
			})
		}
		return s
	}
	o := billing.NewOverview(time.Time{}, time.Time{}, []billing.Standing{
		standing("a", "EUR", "5", "2026-03-01 2", "2026-03-02 3"),
		standing("b", "USD", "1", "2026-03-01 0.25", "2026-03-02 0.75"),
		// Far enough to the east, the next day has begun.
		standing("c", "USD", "6.5", "2026-03-01 1.5", "2026-03-02 2", "2026-03-03 3"),
		standing("d", "USD", "0"),
	})
	var got []string
	for _, c := range o.Currencies {
		got = append(got, fmt.Sprintf("%s %s today %s", c.Currency, c.Total, c.Today))
		for _, s := range c.Tenants {
			got = append(got, string(s.Tenant.Name))
		}
		for _, d := range c.Days {
			got = append(got, fmt.Sprintf("%s %s %s", d.Day, d.Cost, d.Errors))
		}
	}
	want := []string{
		"USD 7.5 today 3.75", "c", "b", "d", "2026-03-01 1.75 2", "2026-03-02 2.75 2", "2026-03-03 3 1",
		"EUR 5 today 3", "a", "2026-03-01 2 1", "2026-03-02 3 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("currencies (-want +got):\n%s", diff)
	}
}

func exact(s billing.Standing) (sum invoq.Decimal) {
	for _, d := range s.Days {
		sum = sum.Add(d.Cost)
	}
	return sum
}

// A plan that comes, and a tenant that is given one, are seen by the next who
// asks.
func TestOverviewFollowsPlans(t *testing.T) {
	db := openDB(t)
	o := overviews(db, func() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) })
	run(t, o)
	if v := latest(t, o, func(*billing.Overview) bool { return true }); len(v.Tenants) != 0 || !v.Counted.IsZero() {
		t.Errorf("overview of nobody: %+v", v)
	}
	use(t, db, "acme", "2026-03-10T09:00:00Z", 5)
	v := latest(t, o, func(v *billing.Overview) bool { return len(v.Tenants) == 1 })
	if !strings.Contains(v.Tenants[0].Problem, "no active plan") {
		t.Errorf("without a plan: problem %q", v.Tenants[0].Problem)
	}
	_, err := db.CreatePlan(t.Context(), invoq.Everyone(), invoq.Plan{
		Name: "standard", Currency: "USD", Active: true,
		Rates: []invoq.Rate{{Meter: invoq.Invocations, Price: invoq.MustDecimal("0.1")}},
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	v = latest(t, o, func(v *billing.Overview) bool { return v.Tenants[0].Problem == "" })
	if got := v.Tenants[0].Bill.Total.String(); got != "0.5" {
		t.Errorf("with a plan: total %s", got)
	}
}

// What is backfilled into a day that was closed long ago is seen, too, whichever
// way it came.
func TestOverviewSeesOldDays(t *testing.T) {
	db := openDB(t)
	o := overviews(db, func() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) })
	run(t, o)
	used := func(want string) {
		t.Helper()
		latest(t, o, func(v *billing.Overview) bool {
			return len(v.Tenants) == 1 && v.Tenants[0].Used(invoq.Invocations).String() == want
		})
	}
	use(t, db, "acme", "2026-03-10T11:00:00Z", 5)
	used("5")
	use(t, db, "acme", "2026-03-02T09:00:00Z", 7)
	used("12")
	at := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	booktest.Tell(t, db, nil, invoq.Event{
		Tenant: "acme", User: "user-1", RequestID: "r1", Service: "told", Revision: "r", Time: at, ReceivedAt: at,
		Measures: []invoq.Measure{{Meter: invoq.Invocations, Quantity: invoq.NewDecimal(100, 0)}},
	})
	used("112")
}

// slowDatabase has no tenants, and takes its time to say so.
type slowDatabase struct {
	billing.OverviewDatabase
	mu    sync.Mutex
	until time.Time
	delay time.Duration
	err   error
}

func (d *slowDatabase) set(until time.Time, delay time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.until, d.delay, d.err = until, delay, err
}

func (d *slowDatabase) Mark(context.Context, invoq.Scope) (postgres.Mark, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return postgres.Mark{Until: d.until}, nil
}

func (d *slowDatabase) ListTenants(ctx context.Context, _ invoq.Scope, _ invoq.Page) ([]invoq.Tenant, error) {
	d.mu.Lock()
	delay, err := d.delay, d.err
	d.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
	return nil, err
}

func (d *slowDatabase) PlanBook(context.Context, invoq.Scope) (postgres.PlanBook, error) {
	return postgres.PlanBook{}, nil
}

func (d *slowDatabase) SumUsageByDays(
	context.Context, invoq.Scope, []postgres.Days,
) (map[invoq.TenantID][]postgres.DayUsage, error) {
	return nil, nil
}

func (d *slowDatabase) LastUses(
	context.Context, invoq.Scope, invoq.TenantID,
) (map[invoq.TenantID]time.Time, error) {
	return nil, nil
}

// A page waits for the first overview, and never long for another.
func TestLatestDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		db := &slowDatabase{until: start, delay: 7 * time.Second}
		o := billing.NewOverviews(db, time.Hour, quiet, func() time.Time { return start })
		ctx, stop := context.WithCancel(t.Context())
		go o.Run(ctx)
		ask := func(what string, wantCounted time.Time, wantWait time.Duration) {
			t.Helper()
			asked := time.Now()
			v, err := o.Latest(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if waited := time.Since(asked); !v.Counted.Equal(wantCounted) || waited != wantWait {
				t.Errorf("%s: counted until %s after %s, want %s after %s",
					what, v.Counted, waited, wantCounted, wantWait)
			}
		}
		ask("the first", start, 7*time.Second)
		ask("nothing changed", start, 0)
		later := start.Add(time.Hour)
		db.set(later, 7*time.Second, nil)
		ask("another is being made", start, 50*time.Millisecond)
		time.Sleep(8 * time.Second)
		ask("another was made", later, 0)
		latest := later.Add(time.Hour)
		db.set(latest, 0, invoq.Errorf(invoq.KindUnavailable, "gone"))
		ask("the database is gone", later, 0)
		db.set(latest, 10*time.Millisecond, nil)
		ask("it is back", latest, 10*time.Millisecond)
		stop()
		synctest.Wait()
	})
}

// Without any overview there is nothing to show but the error.
func TestLatestTellsWhyThereIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &slowDatabase{err: invoq.Errorf(invoq.KindUnavailable, "gone")}
		o := billing.NewOverviews(db, time.Hour, quiet, time.Now)
		ctx, stop := context.WithCancel(t.Context())
		go o.Run(ctx)
		if _, err := o.Latest(t.Context()); invoq.KindOf(err) != invoq.KindUnavailable {
			t.Errorf("error %v", err)
		}
		stop()
		synctest.Wait()
	})
}
