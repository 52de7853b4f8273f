package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/postgres"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// window returns a five-minute window with some usage, the nth of the day.
func window(tenant, service, revision string, n int, invocations int64) invoq.Usage {
	start := day.Add(time.Duration(n) * 5 * time.Minute)
	u := invoq.Usage{
		Interval: invoq.Interval{Start: start, End: start.Add(5 * time.Minute)},
		Tenant:   invoq.TenantName(tenant), Service: service, Revision: revision,
		Quantities: invoq.Quantities{
			Invocations: invoq.NewDecimal(invocations, 0),
			DurationMs:  invoq.NewDecimal(invocations, -6),
			MBMs:        invoq.MustDecimal("0.000001"),
		},
		MaxMemoryMB: invoq.NewDecimal(int64(n), 0),
		GapSeconds:  invoq.MustDecimal("0.5"),
	}
	u.Latency.Observe(float64(10*(n%2+1)), invocations)
	return u
}

// store stores rows for the windows [first, end) of the day.
func store(t testing.TB, db *postgres.DB, first, end int, tenants []invoq.TenantName, rows ...invoq.Usage) {
	t.Helper()
	w := postgres.Windows{
		Interval: invoq.Interval{
			Start: day.Add(
				time.Duration(first) * 5 * time.Minute,
			),
			End: day.Add(time.Duration(end) * 5 * time.Minute),
		},
		Tenants: tenants,
		Rows:    rows,
		Sources: map[invoq.ServiceKey]string{},
		Watched: map[invoq.TenantName]time.Time{},
	}
	for _, r := range rows {
		w.Sources[invoq.ServiceKey{Tenant: r.Tenant, Namespace: r.Namespace, Service: r.Service}] = "plain/" + r.Service
		w.Watched[r.Tenant] = day
	}
	if err := db.StoreWindows(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

// list returns the stored windows of a size, a line each.
func list(t testing.TB, db *postgres.DB, s invoq.Scope, size invoq.WindowSize) (lines []string) {
	t.Helper()
	us, err := db.ListUsage(t.Context(), s, postgres.UsageFilter{
		Window: size, Interval: invoq.Interval{Start: day, End: day.AddDate(0, 2, 0)},
	}, invoq.Page{Limit: invoq.MaxPageSize})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range us {
		lines = append(lines, fmt.Sprintf("%s %s/%s/%s n=%s ms=%s mb_ms=%s max=%s gap=%s %v",
			u.Start.Format("02 15:04"), u.Tenant, u.Service, u.Revision, u.Invocations, u.DurationMs, u.MBMs,
			u.MaxMemoryMB, u.GapSeconds, u.Latency.Counts))
	}
	return lines
}

func TestStoreWindows(t *testing.T) {
	db := open(t)
	first := []invoq.Usage{
		window("acme", "f", "r1", 0, 3), window("acme", "f", "r1", 11, 4), window("acme", "f", "r2", 12, 5),
		window("zeta", "g", "r1", 12, 7),
	}
	store(t, db, 0, 24, nil, first...)
	want5m := []string{
		"01 00:00 acme/f/r1 n=3 ms=0.000003 mb_ms=0.000001 max=0 gap=0.5 [3]",
		"01 00:55 acme/f/r1 n=4 ms=0.000004 mb_ms=0.000001 max=11 gap=0.5 [4]",
		"01 01:00 acme/f/r2 n=5 ms=0.000005 mb_ms=0.000001 max=12 gap=0.5 [5]",
		"01 01:00 zeta/g/r1 n=7 ms=0.000007 mb_ms=0.000001 max=12 gap=0.5 [7]",
	}
	want1h := []string{
		"01 00:00 acme/f/r1 n=7 ms=0.000007 mb_ms=0.000002 max=11 gap=1 [3 4]",
		"01 01:00 acme/f/r2 n=5 ms=0.000005 mb_ms=0.000001 max=12 gap=0.5 [5]",
		"01 01:00 zeta/g/r1 n=7 ms=0.000007 mb_ms=0.000001 max=12 gap=0.5 [7]",
	}
	want1d := []string{
		"01 00:00 acme/f/r1 n=7 ms=0.000007 mb_ms=0.000002 max=11 gap=1 [3 4]",
		"01 00:00 acme/f/r2 n=5 ms=0.000005 mb_ms=0.000001 max=12 gap=0.5 [5]",
		"01 00:00 zeta/g/r1 n=7 ms=0.000007 mb_ms=0.000001 max=12 gap=0.5 [7]",
	}
	check := func(what string) {
		t.Helper()
		for size, want := range map[invoq.WindowSize][]string{
			invoq.Window5m: want5m, invoq.Window1h: want1h, invoq.Window1d: want1d,
		} {
			if diff := cmp.Diff(want, list(t, db, everyone, size)); diff != "" {
				t.Errorf("%s, %s windows (-want +got):\n%s", what, size, diff)
			}
		}
	}
	check("stored")
	store(t, db, 0, 24, nil, first...)
	check("stored again")

	// A run for one tenant replaces its windows alone, what is gone with them.
	store(t, db, 11, 24, []invoq.TenantName{"acme"}, window("acme", "f", "r1", 11, 6))
	want5m = []string{
		want5m[0],
		"01 00:55 acme/f/r1 n=6 ms=0.000006 mb_ms=0.000001 max=11 gap=0.5 [6]",
		want5m[3],
	}
	want1h = []string{"01 00:00 acme/f/r1 n=9 ms=0.000009 mb_ms=0.000002 max=11 gap=1 [3 6]", want1h[2]}
	want1d = []string{"01 00:00 acme/f/r1 n=9 ms=0.000009 mb_ms=0.000002 max=11 gap=1 [3 6]", want1d[2]}
	check("replaced")

	acme, err := db.FindTenant(t.Context(), everyone, "acme")
	if err != nil || acme.Currency != invoq.DefaultCurrency {
		t.Errorf("registered %+v: %v", acme, err)
	}
	if diff := cmp.Diff(want5m[:2], list(t, db, invoq.Only(acme.ID), invoq.Window5m)); diff != "" {
		t.Errorf("what acme sees (-want +got):\n%s", diff)
	}
	state, err := db.MeterState(t.Context())
	if err != nil || state.Sources[invoq.ServiceKey{Tenant: "acme", Service: "f"}] != "plain/f" ||
		state.Watched["zeta"] != day.UnixMilli() {
		t.Errorf("state %+v: %v", state, err)
	}
}

func TestListUsagePages(t *testing.T) {
	db := open(t)
	var rows []invoq.Usage
	for i := range 30 {
		rows = append(
			rows,
			window("acme", fmt.Sprintf("f %d\n\"", i%3), fmt.Sprintf("r%d", i%2), i/6, int64(i)),
		)
	}
	store(t, db, 0, 12, nil, rows...)
	filter := postgres.UsageFilter{
		Window:   invoq.Window5m,
		Interval: invoq.Interval{Start: day, End: day.AddDate(0, 0, 1)},
	}
	whole, err := db.ListUsage(t.Context(), everyone, filter, invoq.Page{Limit: 100})
	if err != nil || len(whole) != 30 {
		t.Fatalf("%d rows: %v", len(whole), err)
	}
	var paged []invoq.Usage
	for after := ""; ; {
		page, err := db.ListUsage(t.Context(), everyone, filter, invoq.Page{Limit: 7, After: after})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		after = postgres.UsageKey(page[len(page)-1])
	}
	if diff := cmp.Diff(whole, paged); diff != "" {
		t.Errorf("pages differ from the whole:\n%s", diff)
	}
	for _, forged := range []string{"x", "1", `1 "a" "b" "c"`, `9 "a`} {
		_, err := db.ListUsage(t.Context(), everyone, filter, invoq.Page{Limit: 7, After: forged})
		wantKind(t, err, invoq.KindInvalid)
	}
}

// Whatever windows are stored in whatever order and overlap, hours are sums of
// five-minute windows, days of hours, and any sum over an interval is the sum
// of its windows.
func TestWindowsAddUp(t *testing.T) {
	db := open(t)
	rng := rand.New(rand.NewPCG(1, 2))
	stored := map[string]invoq.Usage{}
	for range 12 {
		first := rng.IntN(700)
		end := first + 1 + rng.IntN(60)
		var rows []invoq.Usage
		for key, u := range stored {
			if n := int(u.Start.Sub(day) / (5 * time.Minute)); n >= first && n < end {
				delete(stored, key)
			}
		}
		for n := first; n < end; n++ {
			if rng.IntN(3) == 0 {
				continue
			}
			u := window("acme", "f", fmt.Sprintf("r%d", rng.IntN(2)), n, rng.Int64N(1e12))
			stored[fmt.Sprint(n, u.Revision)] = u
			rows = append(rows, u)
		}
		store(t, db, first, end, nil, rows...)
	}
	sum := func(i invoq.Interval) (total invoq.Quantities) {
		for _, u := range stored {
			if i.Contains(u.Start) {
				total = total.Add(u.Quantities)
			}
		}
		return total
	}
	for _, size := range []invoq.WindowSize{invoq.Window5m, invoq.Window1h, invoq.Window1d} {
		us, err := db.ListUsage(t.Context(), everyone, postgres.UsageFilter{
			Window: size, Interval: invoq.Interval{Start: day, End: day.AddDate(0, 0, 9)},
		}, invoq.Page{Limit: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		byWindow := map[invoq.Interval]invoq.Quantities{}
		for _, u := range us {
			byWindow[u.Interval] = byWindow[u.Interval].Add(u.Quantities)
		}
		for i, got := range byWindow {
			if want := sum(
				i,
			); got.Invocations.Cmp(want.Invocations) != 0 ||
				got.DurationMs.Cmp(want.DurationMs) != 0 {
				t.Fatalf("%s window %s: %s, want %s", size, i, got.Invocations, want.Invocations)
			}
		}
	}
	acme, err := db.FindTenant(t.Context(), everyone, "acme")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		cuts := rapid.SliceOfN(rapid.IntRange(0, 800), 2, 2).Draw(t, "cuts")
		slices.Sort(cuts)
		i := invoq.Interval{
			Start: day.Add(
				time.Duration(cuts[0]) * 5 * time.Minute,
			),
			End: day.Add(time.Duration(cuts[1]+1) * 5 * time.Minute),
		}
		us, err := db.SumSpans(ctx, everyone, []postgres.Span{{Tenant: acme.ID, Interval: i}})
		if err != nil {
			t.Fatal(err)
		}
		var got invoq.Quantities
		for _, u := range us[0] {
			got = got.Add(u.Quantities)
		}
		if want := sum(i); got.Invocations.Cmp(want.Invocations) != 0 || got.MBMs.Cmp(want.MBMs) != 0 {
			t.Fatalf("sum over %s: %s, want %s", i, got.Invocations, want.Invocations)
		}
	})
}

func TestBills(t *testing.T) {
	db := open(t)
	acme, zeta := newTenant(t, db, "acme"), newTenant(t, db, "zeta")
	plan, err := db.CreatePlan(
		t.Context(),
		everyone,
		invoq.Plan{Name: "p", Currency: "EUR", Active: true},
		"owner",
	)
	if err != nil {
		t.Fatal(err)
	}
	draft := invoq.Bill{
		TenantID:    acme.ID,
		Period:      invoq.Interval{Start: day, End: day.AddDate(0, 1, 0)},
		Timezone:    "Europe/Berlin",
		Currency:    "EUR",
		PlanID:      plan.ID,
		PlanVersion: 1,
		Total:       invoq.MustDecimal("12.34"),
		Lines: []invoq.BillLine{
			{Rate: "invocations", Exact: invoq.MustDecimal("12.3399999999999999999999")},
		},
	}
	first, err := db.PutDraft(t.Context(), everyone, draft)
	if err != nil {
		t.Fatal(err)
	}
	draft.Total = invoq.MustDecimal("13")
	second, err := db.PutDraft(t.Context(), everyone, draft)
	if err != nil || second.ID != first.ID || second.Total.String() != "13" ||
		second.Lines[0].Exact.String() != "12.3399999999999999999999" {
		t.Errorf("recalculated %+v: %v", second, err)
	}
	got, err := db.FindBill(t.Context(), invoq.Only(acme.ID), first.ID)
	if diff := cmp.Diff(second, got); err != nil || diff != "" {
		t.Errorf("found: %v\n%s", err, diff)
	}
	_, err = db.FindBill(t.Context(), invoq.Only(zeta.ID), first.ID)
	wantKind(t, err, invoq.KindNotFound)
	if bs, err := db.ListBills(
		t.Context(),
		invoq.Only(zeta.ID),
		postgres.BillFilter{},
		invoq.Page{Limit: 10},
	); err != nil ||
		len(bs) > 0 {
		t.Errorf("another tenant sees %v: %v", bs, err)
	}
}

// BenchmarkStoreWindows stores one five-minute window of each revision and
// brings its hour and day up to date, late in the day.
func BenchmarkStoreWindows(b *testing.B) {
	const revisions = 2000
	db := open(b)
	rows := func(n int) (all []invoq.Usage) {
		for i := range revisions {
			all = append(all, window("acme", fmt.Sprintf("f%d", i/2), fmt.Sprintf("r%d", i%2), n, int64(i)))
		}
		return all
	}
	for n := range 24 {
		store(b, db, n, n+1, nil, rows(n)...)
	}
	n := 24
	b.ResetTimer()
	for b.Loop() {
		store(b, db, n, n+1, nil, rows(n)...)
		n++
	}
	b.ReportMetric(revisions*float64(b.N)/b.Elapsed().Seconds(), "windows/s")
}
