package outlook_test

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/internal/pgtest"
	"invoq/outlook"
	"invoq/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// now is where the counted usage of every test ends: a Thursday noon.
var now = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)

// watch is a database with a tenant and its usage.
type watch struct {
	t        testing.TB
	db       *postgres.DB
	outlooks *outlook.Outlooks
	tenant   invoq.Tenant
}

func openWatch(t testing.TB, rates ...invoq.Rate) *watch {
	t.Helper()
	db, err := postgres.Open(t.Context(), pgtest.URL(t, pgtest.Migrated()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := &watch{t: t, db: db, outlooks: outlook.New(db)}
	w.tenant = w.newTenant("acme")
	if len(rates) > 0 {
		_, err = db.CreatePlan(t.Context(), invoq.Everyone(), invoq.Plan{
			Name: "standard", Currency: "USD", Active: true, Rates: rates,
		}, "test")
		w.must(err)
	}
	return w
}

func (w *watch) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watch) newTenant(name invoq.TenantName) invoq.Tenant {
	w.t.Helper()
	t, err := w.db.CreateTenant(w.t.Context(), invoq.Everyone(), invoq.Tenant{
		Name: name, Currency: "USD", Timezone: "UTC",
	})
	w.must(err)
	return t
}

// use stores what services used in the hours of an interval, in the first window
// of each, and has it counted. Every call takes 100 MB for 100 ms.
func (w *watch) use(from, until time.Time, calls func(hour time.Time) map[string]int64) {
	w.t.Helper()
	all := postgres.Windows{
		Interval: invoq.Interval{Start: from, End: until}, Tenants: []invoq.TenantName{w.tenant.Name},
	}
	for at := from; at.Before(until); at = at.Add(time.Hour) {
		for service, n := range calls(at) {
			all.Rows = append(all.Rows, invoq.Usage{
				Interval: invoq.Interval{Start: at, End: at.Add(5 * time.Minute)}, Tenant: w.tenant.Name,
				Service: service, Revision: service + "-1", Quantities: invoq.Quantities{
					Invocations: invoq.NewDecimal(n, 0), DurationMs: invoq.NewDecimal(100*n, 0),
					MBMs: invoq.NewDecimal(10_000*n, 0),
				},
			})
		}
	}
	w.must(w.db.StoreWindows(w.t.Context(), all))
	w.counted(until)
}

// counted has usage counted by a run at an instant: up to the end of the window
// that the run is in.
func (w *watch) counted(at time.Time) {
	w.t.Helper()
	w.must(w.db.AggregatedUntil(w.t.Context(), at.Add(invoq.Window5m.Duration())))
}

// daily is a service with a cycle of a day and a little unrest.
func daily(at time.Time) map[string]int64 {
	wave := 1000 + 500*math.Sin(2*math.Pi*float64(at.Hour())/24)
	return map[string]int64{"waiter": int64(wave) + (at.Unix()/3600*7919)%101}
}

func (w *watch) predict(period string, change func(*outlook.Request)) *outlook.Prediction {
	w.t.Helper()
	h, err := outlook.ParseHorizon(period)
	w.must(err)
	r := outlook.Request{Tenant: w.tenant, Horizon: h, Now: now}
	if change != nil {
		change(&r)
	}
	p, err := w.outlooks.Predict(w.t.Context(), r)
	w.must(err)
	return p
}

var linear = []invoq.Rate{
	{Meter: invoq.Invocations, Price: invoq.MustDecimal("0.01")},
	{Meter: invoq.MBMs, Price: invoq.MustDecimal("0.000001")},
}

// ordered reports whether amounts are finite by nature and bounds in order.
func ordered(a outlook.Amounts) bool {
	return a.Lo95.Cmp(a.Lo80) <= 0 && a.Lo80.Cmp(a.Hi80) <= 0 && a.Hi80.Cmp(a.Hi95) <= 0
}

// Under a plan without free units or tiers the expected cost is the price of the
// expected usage, but for rounding and the luck of 500 futures.
func TestLinearPlan(t *testing.T) {
	w := openWatch(t, linear...)
	w.use(now.AddDate(0, 0, -42), now, daily)
	for _, period := range []string{"1h", "1d", "1w", "30d"} {
		p := w.predict(period, nil)
		if !ordered(p.Cost) || p.Cost.Lo95.Sign() < 0 {
			t.Errorf("%s: cost %+v", period, p.Cost)
		}
		var mean float64
		for _, c := range p.Components {
			if math.IsNaN(c.Mean) || c.Lo95 > c.Lo80 || c.Lo80 > c.Mean || c.Mean > c.Hi80 || c.Hi80 > c.Hi95 {
				t.Errorf("%s: %s %+v", period, c.Meter, c.Total)
			}
		}
		mean = 0.01*p.Components[0].Mean + 0.000001*p.Components[2].Mean
		if got := p.Cost.Expected.Float(); math.Abs(got-mean) > 0.03*mean {
			t.Errorf("%s: expected cost %g, the expected usage costs %g", period, got, mean)
		}
		// The usage is about 1050 calls an hour, each for 0.02 USD.
		hours := p.Period.Duration().Hours()
		if got := p.Cost.Expected.Float() / hours; math.Abs(got-21) > 4 && period != "1h" {
			t.Errorf("%s: %g USD an hour, want about 21", period, got)
		}
		if !p.Components[0].Priced || p.Components[1].Priced || p.Components[4].Model != "" {
			t.Errorf("%s: components %+v", period, p.Components)
		}
	}
}

// Free units that were used up before cost nothing again only in the next month.
func TestFreeUnitsContinueTheMonth(t *testing.T) {
	w := openWatch(t, invoq.Rate{
		Meter: invoq.Invocations, Price: invoq.MustDecimal("0.01"), FreePerMonth: invoq.NewDecimal(100_000, 0),
	})
	w.use(now.AddDate(0, 0, -21), now, daily)
	// 276 hours of March at about 1050 calls have used up 100,000 free ones.
	if p := w.predict("1d", nil); math.Abs(p.Cost.Expected.Float()-252) > 25 {
		t.Errorf("a day in March costs %s", p.Cost.Expected)
	}
	p := w.predict("30d", nil)
	if want := 0.01 * (p.Invocations().Mean - 100_000); math.Abs(p.Cost.Expected.Float()-want) > 0.03*want {
		t.Errorf("30 days over two months cost %s, want about %g", p.Cost.Expected, want)
	}
}

// The month goes on from what it has cost; a budget that most futures cross is
// crossed on a day between.
func TestMonthAndBudget(t *testing.T) {
	w := openWatch(t, linear...)
	w.use(now.AddDate(0, 0, -28), now, daily)
	budget := func(amount string) *outlook.Month {
		return w.predict("1h", func(r *outlook.Request) { r.Budget = invoq.MustDecimal(amount) }).Month
	}
	m := budget("10000")
	// 276 of 744 hours are over, at about 21 USD each.
	if so := m.SoFar.Float(); math.Abs(so-276*21) > 300 {
		t.Errorf("so far %g", so)
	}
	if end := m.Cost.Expected.Float(); math.Abs(end-744*21) > 1500 || !ordered(m.Cost) {
		t.Errorf("month's end %+v", m.Cost)
	}
	c := m.Crossing
	if c == nil || c.Already || c.Probability < 0.99 || !c.When.After(now) || !c.When.Before(m.Period.End) {
		t.Errorf("a budget of 10000: %+v", c)
	}
	if c := budget("100").Crossing; !c.Already || c.Probability != 1 {
		t.Errorf("a budget of 100: %+v", c)
	}
	if c := budget("100000").Crossing; c.Already || c.Probability != 0 {
		t.Errorf("a budget of 100000: %+v", c)
	}
}

// Versions of a plan that priced the month before are spent, to the last cent.
func TestPlanChangedWithinTheMonth(t *testing.T) {
	w := openWatch(t, linear[0])
	w.use(now.AddDate(0, 0, -28), now, func(time.Time) map[string]int64 { return map[string]int64{"waiter": 100} })
	dearer := invoq.Plan{Name: "dear", Currency: "USD", Rates: []invoq.Rate{
		{Meter: invoq.Invocations, Price: invoq.MustDecimal("0.10")},
	}}
	dearer, err := w.db.CreatePlan(t.Context(), invoq.Everyone(), dearer, "test")
	w.must(err)
	_, err = w.db.AssignPlan(t.Context(), invoq.Everyone(), invoq.PlanAssignment{
		TenantID: w.tenant.ID, PlanID: dearer.ID, EffectiveFrom: "2026-03-11", CreatedBy: "test", Reason: "test",
	})
	w.must(err)
	m := w.predict("1h", func(r *outlook.Request) { r.Budget = invoq.MustDecimal("300") }).Month
	// Ten days at 1 USD an hour, then 36 hours at 10; 468 more until April.
	want := outlook.Amounts{Expected: invoq.MustDecimal("5280")}
	want.Lo80, want.Hi80, want.Lo95, want.Hi95 = want.Expected, want.Expected, want.Expected, want.Expected
	if diff := cmp.Diff(want, m.Cost); diff != "" || m.SoFar.String() != "600" || !m.Crossing.Already {
		t.Errorf("so far %s, crossing %+v, cost (-want +got):\n%s", m.SoFar, m.Crossing, diff)
	}
}

// A rate for some services sees the forecast of these alone; a service's own
// cost is what it adds.
func TestServicesApart(t *testing.T) {
	gold := invoq.Rate{
		Name: "gold", Meter: invoq.Invocations, Price: invoq.MustDecimal("1"),
		Where: invoq.Selector{Services: []string{"gold"}},
	}
	w := openWatch(t, gold, invoq.Rate{Meter: invoq.Invocations, Price: invoq.MustDecimal("0.01")})
	w.use(now.AddDate(0, 0, -14), now, func(time.Time) map[string]int64 {
		return map[string]int64{"gold": 10, "lead": 1000}
	})
	if got := w.predict("1d", nil).Cost.Expected.String(); got != "480" { // 24 × (10 × 1 + 1000 × 0.01)
		t.Errorf("all services: %s", got)
	}
	for name, want := range map[string]string{"gold": "240", "lead": "240"} {
		s, err := w.db.FindService(t.Context(), invoq.Only(w.tenant.ID), w.tenant.ID, name)
		w.must(err)
		p := w.predict("1d", func(r *outlook.Request) { r.Service = s })
		if p.Cost.Expected.String() != want || p.Month != nil || p.Confidence.Value != nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	other := w.newTenant("zeta")
	if _, err := w.db.FindService(t.Context(), invoq.Only(other.ID), w.tenant.ID, "gold"); invoq.KindOf(err) !=
		invoq.KindNotFound {
		t.Errorf("another tenant's service: %v", err)
	}
}

// What cannot be predicted is said, not guessed.
func TestRefusals(t *testing.T) {
	w := openWatch(t)
	day, err := outlook.ParseHorizon("1d")
	w.must(err)
	refuse := func(why string, r outlook.Request) {
		t.Helper()
		r.Tenant, r.Horizon, r.Now = w.tenant, day, now
		if _, err := w.outlooks.Predict(t.Context(), r); invoq.KindOf(err) != invoq.KindUnprocessable {
			t.Errorf("%s: %v", why, err)
		}
	}
	refuse("nothing counted", outlook.Request{})
	w.use(now.Add(-time.Hour), now, daily)
	refuse("no plan", outlook.Request{})
	refuse("a service's budget", outlook.Request{
		Service: invoq.Service{ID: "x"}, Budget: invoq.NewDecimal(1, 0),
	})
	refuse("a negative budget", outlook.Request{Budget: invoq.NewDecimal(-1, 0)})
	if _, err := outlook.ParseHorizon("2d"); invoq.KindOf(err) != invoq.KindUnprocessable {
		t.Errorf("2d: %v", err)
	}
}

// The window in which the last run counted is not over: nothing in it is history.
func TestWindowNotOver(t *testing.T) {
	w := openWatch(t, linear...)
	w.use(now.AddDate(0, 0, -7), now, daily)
	for late, want := range map[time.Duration]time.Time{0: now, 4 * time.Minute: now, 9 * time.Minute: now} {
		p := w.predict("1h", func(r *outlook.Request) { r.Now = now.Add(late) })
		if !p.Period.Start.Equal(want) {
			t.Errorf("%s after the run the period begins at %s, want %s", late, p.Period.Start, want)
		}
	}
}

// A tenant that used nothing gets zeros and is told why.
func TestNoHistory(t *testing.T) {
	w := openWatch(t, linear...)
	w.counted(now)
	p := w.predict("1w", nil)
	if !p.Cost.Hi95.IsZero() || len(p.Warnings) == 0 || p.Confidence.Value != nil {
		t.Errorf("%+v", p)
	}
}

// Days of the month from today on: today's with what is counted already, each
// within its bounds, together the forecast until the month's end.
func TestDays(t *testing.T) {
	w := openWatch(t)
	w.use(now.AddDate(0, 0, -28), now, func(time.Time) map[string]int64 { return map[string]int64{"waiter": 10} })
	days, err := w.days(now)
	w.must(err)
	if len(days) != 20 || days[0].Day != "2026-03-12" || days[19].Day != "2026-03-31" {
		t.Fatalf("%d days: %+v", len(days), days)
	}
	for _, d := range days {
		if n := d.Invocations; n.Mean != 240 || n.Lo95 != 240 || n.Hi95 != 240 {
			t.Errorf("%s: %+v, want 24 hours of 10", d.Day, n)
		}
	}
	w.use(now, now.Add(6*time.Hour), daily)
	days, err = w.days(now.Add(6 * time.Hour))
	w.must(err)
	for _, d := range days {
		n := d.Invocations
		if n.Lo95 > n.Lo80 || n.Lo80 > n.Mean || n.Mean > n.Hi80 || n.Hi80 > n.Hi95 || n.Lo95 == n.Hi95 {
			t.Errorf("%s: %+v", d.Day, n)
		}
	}
	none, err := w.outlooks.Ahead(t.Context(), w.newTenant("idle"), now)
	if none.Days != nil || none.Month != nil || err != nil {
		t.Errorf("an idle tenant: %+v, %v", none, err)
	}
}

func (w *watch) days(now time.Time) ([]outlook.Day, error) {
	a, err := w.outlooks.Ahead(w.t.Context(), w.tenant, now)
	return a.Days, err
}

// The month of a page is kept until another hour is counted, and has its cost as
// soon as a plan prices it.
func TestAheadIsKept(t *testing.T) {
	w := openWatch(t, linear...)
	w.use(now.AddDate(0, 0, -28), now, daily)
	ahead := func(at time.Time) outlook.Ahead {
		t.Helper()
		a, err := w.outlooks.Ahead(t.Context(), w.tenant, at)
		w.must(err)
		return a
	}
	first := ahead(now)
	month := w.predict("1d", nil).Month
	if diff := cmp.Diff(month.Cost, first.Month.Cost); diff != "" || first.Currency != "USD" {
		t.Errorf("in %s, the month (-predicted +shown):\n%s", first.Currency, diff)
	}
	w.use(now.Add(-time.Hour), now, func(time.Time) map[string]int64 { return map[string]int64{"waiter": 9e6} })
	if again := ahead(now); &again.Days[0] != &first.Days[0] {
		t.Error("the same hour was computed twice")
	}
	w.counted(now.Add(time.Hour))
	if next := ahead(now.Add(time.Hour)); next.Days[0].Invocations.Mean <= first.Days[0].Invocations.Mean {
		t.Errorf("the next hour was not computed: %+v after %+v", next.Days[0], first.Days[0])
	}
	zoned := w.tenant
	zoned.Timezone = "Asia/Tokyo"
	if a, err := w.outlooks.Ahead(t.Context(), zoned, now.Add(time.Hour)); err != nil ||
		len(a.Days) == 0 || a.Days[0].Invocations == ahead(now.Add(time.Hour)).Days[0].Invocations {
		t.Errorf("another zone has the same days: %+v, %v", a, err)
	}
}
