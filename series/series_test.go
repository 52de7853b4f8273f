package series_test

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"invoq"
	"invoq/billing"
	"invoq/internal/pgtest"
	"invoq/postgres"
	"invoq/series"
	"invoq/tsdb"
	"invoq/tsdb/tsdbtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// noon is the clock of these tests.
var noon = time.Date(2026, 3, 3, 12, 2, 0, 0, time.UTC)

// desk asks about windows that it stores.
type desk struct {
	t       *testing.T
	db      *postgres.DB
	biller  *billing.Biller
	queries *tsdb.Queries
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := postgres.Open(t.Context(), pgtest.URL(t, pgtest.Migrated()), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	biller := billing.New(db)
	derived := series.New(db, biller, func() time.Time { return noon })
	store := tsdbtest.Open(t)
	tsdbtest.Load(t, store, "acme", time.Minute, `fn_requests_total{service="fn"} 1 2 3`)
	return &desk{t, db, biller, tsdb.NewQueries(store, derived, tsdb.DefaultQueryLimits(), log)}
}

// used stores what a tenant's revision used in the window that begins at an
// instant.
func (d *desk) used(tenant string, start time.Time, invocations, mbMs string) {
	d.t.Helper()
	err := d.db.StoreWindows(d.t.Context(), postgres.Windows{
		Interval: invoq.Interval{Start: start, End: start.Add(5 * time.Minute)},
		Tenants:  []invoq.TenantName{invoq.TenantName(tenant)},
		Sources:  map[invoq.ServiceKey]string{},
		Watched:  map[invoq.TenantName]time.Time{invoq.TenantName(tenant): start},
		Rows: []invoq.Usage{{
			Interval: invoq.Interval{Start: start, End: start.Add(5 * time.Minute)},
			Tenant:   invoq.TenantName(tenant), Namespace: "shop", Service: "waiter", Revision: "r1",
			Quantities: invoq.Quantities{
				Invocations: invoq.MustDecimal(invocations), MBMs: invoq.MustDecimal(mbMs),
			},
		}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// ask evaluates an expression at an instant and returns its result as a line.
func (d *desk) ask(tenant, expr string, at time.Time) string {
	d.t.Helper()
	var line string
	err := d.queries.Instant(d.t.Context(), invoq.TenantName(tenant), expr, at, func(r *promql.Result) error {
		var all []string
		v, err := r.Vector()
		for _, s := range v {
			all = append(all, fmt.Sprintf("%s %g", s.Metric, s.F))
		}
		slices.Sort(all)
		line = strings.Join(all, " ")
		return err
	})
	if err != nil {
		return err.Error()
	}
	return line
}

// want fails unless the answer is this.
func (d *desk) want(tenant, expr string, at time.Time, want string) {
	d.t.Helper()
	if got := d.ask(tenant, expr, at); got != want {
		d.t.Errorf("%q asks %s at %s\n got %s\nwant %s", tenant, expr, at.Format(time.TimeOnly), got, want)
	}
}

// The sum over time is the sum of the windows, also after a correction, and no
// tenant sees another's.
func TestUsage(t *testing.T) {
	d := newDesk(t)
	ten := noon.Truncate(time.Hour).Add(-2 * time.Hour)
	for i := range 24 {
		d.used("acme", ten.Add(time.Duration(i)*5*time.Minute), fmt.Sprint(i), "1024000")
	}
	d.used("zeta", ten, "1000", "0")
	name := `{namespace="shop", revision="r1", service="waiter", tenant="acme"}`
	sum := `sum_over_time(invoq_usage_invocations[1h])`
	d.want("acme", sum, ten.Add(time.Hour), name+" 66") // 0 + 1 + … + 11
	d.want("acme", sum, ten.Add(2*time.Hour), name+" 210")
	d.want("acme", `sum_over_time(invoq_usage_gb_seconds[2h])`, ten.Add(2*time.Hour), name+" 24")
	d.want("acme", `invoq_usage_invocations`, ten.Add(7*time.Minute),
		`{__name__="invoq_usage_invocations", namespace="shop", revision="r1", service="waiter", tenant="acme"} 0`)
	d.want("acme", `invoq_usage_invocations offset 1h`, ten.Add(70*time.Minute), // Hints shift the range.
		`{__name__="invoq_usage_invocations", namespace="shop", revision="r1", service="waiter", tenant="acme"} 1`)
	d.used("acme", ten, "5", "0") // A window that is counted again.
	d.want("acme", sum, ten.Add(time.Hour), name+" 71")
	for _, expr := range []string{
		`sum(invoq_usage_invocations{tenant="zeta"})`, `sum({__name__=~"invoq.*",tenant=~"z.*"})`,
		`sum(invoq_usage_invocations{service="cook"})`, `invoq_usage_invocations{job=~".+"}`,
	} {
		d.want("acme", expr, ten.Add(5*time.Minute), "")
	}
	d.want("nobody", `invoq_usage_invocations`, ten.Add(5*time.Minute), "")
	d.want("", `sum by (tenant) (invoq_usage_invocations)`, ten.Add(5*time.Minute), `{tenant="acme"} 5 {tenant="zeta"} 1000`)
	d.want("", `sum(invoq_usage_invocations{tenant="zeta"})`, ten.Add(5*time.Minute), `{} 1000`)
}

// Lists have both kinds of series, each tenant its own.
func TestLists(t *testing.T) {
	d := newDesk(t)
	d.used("acme", noon.Truncate(time.Hour), "1", "0")
	d.used("zeta", noon.Truncate(time.Hour), "1", "0")
	q, err := d.queries.View("acme").Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	f := func(label string, want []string, ms ...*labels.Matcher) {
		t.Helper()
		got, _, err := q.LabelValues(t.Context(), label, nil, ms...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("values of %s (-want +got):\n%s", label, diff)
		}
	}
	f("__name__", []string{
		"fn_requests_total", "invoq_cost", "invoq_ledger_billed_cost", "invoq_usage_cold_starts",
		"invoq_usage_cpu_seconds", "invoq_usage_duration_seconds", "invoq_usage_errors", "invoq_usage_gb_seconds",
		"invoq_usage_invocations",
	})
	f("tenant", []string{"acme"})
	f("service", []string{"fn", "waiter"})
	f("service", []string{"fn"}, labels.MustNewMatcher(labels.MatchEqual, "__name__", "fn_requests_total"))
	f("meter", []string{"cold_starts", "cpu_ms", "duration_ms", "errors", "invocations", "mb_ms"})
	names, _, err := q.LabelNames(t.Context(), nil)
	want := []string{"__name__", "currency", "meter", "namespace", "revision", "service", "tenant"}
	if diff := cmp.Diff(want, names); diff != "" || err != nil {
		t.Errorf("names %v (-want +got):\n%s", err, diff)
	}
}

// The days' costs add up to the month's bill, by meter and revision and in all.
func TestCost(t *testing.T) {
	d := newDesk(t)
	day := noon.Truncate(24 * time.Hour)
	d.used("acme", day.Add(-36*time.Hour), "600", "0")
	d.used("acme", day.Add(-12*time.Hour), "600", "2000")
	d.used("acme", day.Add(time.Hour), "3", "1000")
	plan := invoq.Plan{
		Name: "standard", Currency: "USD", Active: true,
		Rates: []invoq.Rate{
			{Name: "requests", Kind: invoq.RatePerUnit, Meter: invoq.Invocations, Price: invoq.MustDecimal("0.01"), FreePerMonth: invoq.MustDecimal("1000")},
			{Name: "memory", Kind: invoq.RatePerUnit, Meter: invoq.MBMs, Price: invoq.MustDecimal("0.001")},
		},
	}
	if _, err := d.db.CreatePlan(t.Context(), invoq.Everyone(), plan, "test"); err != nil {
		t.Fatal(err)
	}
	now := noon.Truncate(5 * time.Minute)
	by := `sum by (meter) (sum_over_time(invoq_cost[40d]))`
	d.want("acme", by, now, `{meter="invocations"} 2.03 {meter="mb_ms"} 3`)
	d.want("acme", `sum by (meter) (invoq_cost)`, now, `{meter="invocations"} 0.03 {meter="mb_ms"} 1`)
	d.want("acme", `sum by (meter, service, currency) (invoq_cost{meter="invocations"})`, day,
		`{currency="USD", meter="invocations", service="waiter"} 2`)
	d.want("zeta", by, now, "")
	month, err := d.biller.MonthToDate(t.Context(), invoq.Everyone(), "acme", noon)
	if err != nil {
		t.Fatal(err)
	}
	total := invoq.Decimal{}
	for _, one := range month.Days {
		total = total.Add(one.Cost)
	}
	if total.Scale(2).String() != "503" {
		t.Errorf("the month costs %s", total)
	}
	d.want("acme", `round(100 * sum(sum_over_time(invoq_cost[40d])))`, now, "{} 503")
}
