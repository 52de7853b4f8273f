package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/postgres"
)

// The same windows fall on other days in other zones, whatever size of window
// they are read from.
func TestSumUsageByDays(t *testing.T) {
	db := open(t)
	// Windows 0, 69 and 287 of the day: 00:00, 05:45 and 23:55 UTC.
	for _, tenant := range []string{"acme", "zeta"} {
		for _, n := range []int{0, 69, 287} {
			store(t, db, n, n+1, []invoq.TenantName{invoq.TenantName(tenant)},
				window(tenant, "f", "r1", n, int64(n+1)))
		}
	}
	acme, zeta := find(t, db, "acme"), find(t, db, "zeta")
	f := func(zone string, want ...string) {
		t.Helper()
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		interval := invoq.Interval{
			Start: time.Date(2026, 2, 28, 0, 0, 0, 0, loc).UTC(), End: time.Date(2026, 3, 4, 0, 0, 0, 0, loc).UTC(),
		}
		all, err := db.SumUsageByDays(t.Context(), everyone, []postgres.Days{
			{Tenant: zeta, Zone: time.UTC, Interval: interval}, {Tenant: acme, Zone: loc, Interval: interval},
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, dayLines(all[acme])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", zone, diff)
		}
		if len(all[zeta]) != 1 {
			t.Errorf("%s: the other tenant has days %v", zone, dayLines(all[zeta]))
		}
		own, err := db.SumUsageByDays(t.Context(), invoq.Only(acme), []postgres.Days{
			{Tenant: zeta, Zone: loc, Interval: interval},
		})
		if err != nil || len(own) != 0 {
			t.Errorf("%s: out of scope: %v, %v", zone, own, err)
		}
	}
	f("UTC", "2026-03-01 359")
	f("America/New_York", "2026-02-28 1", "2026-03-01 358")
	f("Asia/Kathmandu", "2026-03-01 71", "2026-03-02 288")
	f("Asia/Tokyo", "2026-03-01 71", "2026-03-02 288")
}

func dayLines(all []postgres.DayUsage) (lines []string) {
	for _, u := range all {
		lines = append(lines, u.Day+" "+u.Invocations.String())
	}
	return lines
}

func find(t testing.TB, db *postgres.DB, name string) invoq.TenantID {
	t.Helper()
	tenant, err := db.FindTenant(t.Context(), everyone, name)
	if err != nil {
		t.Fatal(err)
	}
	return tenant.ID
}

func TestLastUses(t *testing.T) {
	db := open(t)
	store(t, db, 3, 4, nil, window("acme", "f", "r1", 3, 5), window("zeta", "f", "r1", 3, 5))
	store(t, db, 290, 291, nil, window("acme", "f", "r1", 290, 1))
	// A window without an invocation is no use, on the same day or later.
	store(t, db, 291, 292, nil, window("acme", "f", "r1", 291, 0))
	store(t, db, 600, 601, nil, window("acme", "f", "r1", 600, 0))
	newTenant(t, db, "idle")
	acme, zeta := find(t, db, "acme"), find(t, db, "zeta")
	at := func(n int) time.Time { return day.Add(time.Duration(n) * 5 * time.Minute) }
	f := func(s invoq.Scope, tenant invoq.TenantID, want map[invoq.TenantID]time.Time) {
		t.Helper()
		got, err := db.LastUses(t.Context(), s, tenant)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("last uses (-want +got):\n%s", diff)
		}
	}
	f(everyone, "", map[invoq.TenantID]time.Time{acme: at(291), zeta: at(4)})
	f(everyone, zeta, map[invoq.TenantID]time.Time{zeta: at(4)})
	f(invoq.Only(zeta), acme, map[invoq.TenantID]time.Time{})
}

func TestSumLatency(t *testing.T) {
	db := open(t)
	// Odd windows count in the bucket up to 20 ms, even ones in that up to 10.
	store(t, db, 0, 24, nil,
		window("acme", "f", "r1", 0, 3), window("acme", "f", "r1", 13, 4), window("acme", "f", "r2", 13, 5),
		window("acme", "g", "r1", 23, 6), window("zeta", "f", "r1", 13, 7))
	acme := find(t, db, "acme")
	f := func(from, until time.Duration, want ...string) {
		t.Helper()
		all, err := db.SumLatency(t.Context(), invoq.Only(acme), acme,
			invoq.Interval{Start: day.Add(from), End: day.Add(until)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, u := range all {
			got = append(got, fmt.Sprintf("%s/%s %v %v", u.Service, u.Revision, u.Latency.UpperMs, u.Latency.Counts))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("latency (-want +got):\n%s", diff)
		}
	}
	f(0, 2*time.Hour, "f/r1 [10 20] [3 4]", "f/r2 [20] [5]", "g/r1 [20] [6]")
	f(time.Hour, 2*time.Hour, "f/r1 [20] [4]", "f/r2 [20] [5]", "g/r1 [20] [6]")
	f(2*time.Hour, 3*time.Hour)
}

// The mark moves with everything that a price depends on, and stays otherwise.
func TestMark(t *testing.T) {
	db := open(t)
	seen := map[postgres.Mark]string{}
	f := func(what string, change func() error) {
		t.Helper()
		if err := change(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		m, err := db.Mark(t.Context(), everyone)
		if err != nil {
			t.Fatal(err)
		}
		if before, again := seen[m]; again {
			t.Errorf("%s: the mark is that of %s", what, before)
		}
		seen[m] = what
		if same, _ := db.Mark(t.Context(), everyone); same != m {
			t.Errorf("after %s the mark does not stay", what)
		}
	}
	var tenant invoq.Tenant
	var plan invoq.Plan
	f("nothing", func() error { return nil })
	f("a run", func() error { return db.AggregatedUntil(t.Context(), day) })
	f("a run of the same slot", func() error { return db.AggregatedUntil(t.Context(), day) })
	f("a tenant", func() error { tenant = newTenant(t, db, "acme"); return nil })
	f("a tenant's zone", func() (err error) {
		tenant.Timezone = "Asia/Tokyo"
		tenant, err = db.UpdateTenant(t.Context(), everyone, tenant)
		return err
	})
	f("a plan", func() (err error) {
		plan, err = db.CreatePlan(t.Context(), everyone, invoq.Plan{Name: "p", Currency: "EUR"}, "test")
		return err
	})
	f("a plan's version", func() error {
		_, err := db.ChangePlan(t.Context(), everyone, plan.ID, "test", func(*invoq.Plan) error { return nil })
		return err
	})
	service := invoq.Service{TenantID: tenant.ID, Name: "f", Tags: map[string]string{"tier": "gold"}}
	f("a tag", func() error {
		_, err := db.PutService(t.Context(), everyone, service)
		return err
	})
	f("another tag", func() error {
		service.Tags["tier"] = "silver"
		_, err := db.PutService(t.Context(), everyone, service)
		return err
	})
	if m, _ := db.Mark(t.Context(), everyone); !m.Until.Equal(day) {
		t.Errorf("counted until %s", m.Until)
	}
}

// In London the clocks change in the night before the last day of March 2024,
// which therefore ends an hour before UTC's does.
func TestSumUsageByDaysWhenClocksChange(t *testing.T) {
	db := open(t)
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	month := invoq.Interval{
		Start: time.Date(2024, 3, 1, 0, 0, 0, 0, london).UTC(), End: time.Date(2024, 4, 1, 0, 0, 0, 0, london).UTC(),
	}
	// The nth window of days that begin with the first of March 2026.
	nth := func(at time.Time) int { return int(at.Sub(day) / (5 * time.Minute)) }
	for i, at := range []time.Time{month.End.Add(-5 * time.Minute), month.End} {
		n := nth(at)
		store(t, db, n, n+1, nil, window("acme", "f", "r1", n, int64(i+1)))
	}
	acme := find(t, db, "acme")
	all, err := db.SumUsageByDays(t.Context(), everyone, []postgres.Days{{Tenant: acme, Zone: london, Interval: month}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2024-03-31 1"}, dayLines(all[acme])); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
}
