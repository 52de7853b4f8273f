package billing_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"invoq"
	"invoq/billing"
	"invoq/internal/booktest"
	"invoq/internal/pgtest"
	"invoq/postgres"
)

// rates are of several kinds: free units, tiers, and a price for the night.
func rates() []invoq.Rate {
	d := invoq.MustDecimal
	return []invoq.Rate{
		{Meter: invoq.Invocations, Price: d("0.0000002"), FreePerMonth: d("1e5")},
		{
			Meter: invoq.MBMs, Kind: invoq.RateGraduated,
			Tiers: []invoq.Tier{{UpTo: d("1e9"), Price: d("0.00000003")}, {From: d("1e9"), Price: d("0.00000001")}},
		},
		{
			Meter: invoq.ColdStarts, Kind: invoq.RateTimeOfDay, Price: d("0.001"),
			Windows: []invoq.PriceWindow{{Name: "night", From: "22:00", To: "06:00", Price: d("0.0001")}},
		},
	}
}

// billedFleet is a database with the month of some tenants, of which a few are
// priced by two plans, or by none in their currency.
func billedFleet(name string, n size) pgtest.Template {
	return pgtest.Template{Name: name, Fill: func(ctx context.Context, url string) error {
		db, err := postgres.Open(ctx, url, quiet)
		if err != nil {
			return err
		}
		defer db.Close()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		if err := fillBilled(ctx, conn, n); err != nil {
			return err
		}
		night, err := db.CreatePlan(ctx, invoq.Everyone(), invoq.Plan{
			Name: "night", Currency: "USD", Rates: rates(),
		}, "test")
		if err != nil {
			return err
		}
		_, err = db.CreatePlan(ctx, invoq.Everyone(), invoq.Plan{
			Name: "standard", Currency: "USD", Rates: rates()[:2], Active: true,
		}, "test")
		if err != nil {
			return err
		}
		for _, sql := range []string{
			`INSERT INTO plan_assignments (tenant_id, effective_from, plan_id, created_by, reason)
			 SELECT id, '2026-03-11', '` + string(night.ID) + `', 'test', 'grown' FROM tenants WHERE name LIKE '%7'`,
			`UPDATE tenants SET currency = 'JPY' WHERE name IN ('tenant-3', 'tenant-13')`,
			`UPDATE tenants SET timezone = 'Nowhere/None' WHERE name = 'tenant-5'`,
			`INSERT INTO aggregation (until) VALUES ('2026-04-02')`,
			`ANALYZE`,
		} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		if err := booktest.Fill(ctx, db); err != nil {
			return err
		}
		_, err = db.CreateBillRun(ctx, postgres.BillRun{Month: "2026-03", Finalize: true, CreatedBy: "test"},
			func(pgx.Tx, postgres.BillRun) error { return nil })
		return err
	}}
}

// size is how many tenants there are, how many services each has, and after how
// many hours each is used again; 0: 31.
type size struct{ tenants, services, every int }

// fillBilled inserts tenants in two zones and usage every few hours, with
// the days that are its sums.
func fillBilled(ctx context.Context, conn *pgx.Conn, n size) error {
	for _, sql := range []string{
		fmt.Sprintf(`
			INSERT INTO tenants (id, name, currency, timezone)
			SELECT md5('t' || i)::uuid, 'tenant-' || i, 'USD', ('{UTC,Europe/Berlin}'::text[])[1 + i %% 2]
			FROM generate_series(1, %d) i`, n.tenants),
		fmt.Sprintf(`
			INSERT INTO services (id, tenant_id, name)
			SELECT md5(t.id || 's' || i)::uuid, t.id, 'service-' || i
			FROM tenants t, generate_series(1, %d) i`, n.services),
		`INSERT INTO revisions (id, tenant_id, service_id, name)
		 SELECT md5(id || 'r')::uuid, tenant_id, id, name || '-00001' FROM services`,
		fmt.Sprintf(`INSERT INTO usage_aggregate
		 SELECT r.tenant_id, r.id, 3600, w, 1200 + extract(hour FROM w), 345678.123456, 44444444.123456,
			123456.789, 3, 2, '{}', '{}', 128.5, 0, 0, 0
		 FROM generate_series(timestamptz '2026-02-28Z', '2026-03-31T23:00Z', interval '%d hours') w, revisions r`,
			cmp.Or(n.every, 31)),
		`INSERT INTO usage_aggregate
		 SELECT tenant_id, revision_id, 86400, date_bin('1 day', window_start, 'epoch'), sum(invocations),
			sum(duration_ms), sum(mb_ms), sum(cpu_ms), sum(cold_starts), sum(errors), '{}', '{}', 128.5, 0, 0, 0
		 FROM usage_aggregate
		 GROUP BY 1, 2, 4`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// april is after the month is closed everywhere.
var april = time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)

func runner(db billing.RunDatabase, batch int) *billing.Runner {
	return billing.NewRunner(db, billing.RunConfig{Grace: 2 * time.Hour, Batch: batch}, quiet,
		func() time.Time { return april })
}

// dump writes all that a run leaves, without the times at which it did.
func dump(t testing.TB, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var b strings.Builder
	for _, sql := range []string{
		`SELECT (to_jsonb(b) - 'created_at' - 'finalized_at')::text FROM bills b ORDER BY b.id`,
		`SELECT to_jsonb(r)::text FROM bill_run_tenants r ORDER BY run_id, tenant_id`,
		`SELECT to_jsonb(s)::text FROM bill_series s ORDER BY name`,
		`SELECT (finished_at IS NOT NULL)::text FROM bill_runs ORDER BY id`,
	} {
		rows, _ := conn.Query(t.Context(), sql)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return b.String()
}

// A run bills everybody whose bill can be made, parks the others and says why,
// numbers the bills without gaps, and makes the bill that is made for one alone.
func TestRun(t *testing.T) {
	db := openFrom(t, pgtest.URL(t, billedFleet("run", size{tenants: 60, services: 2})))
	ids, err := db.UnfinishedBillRuns(t.Context())
	if err != nil || len(ids) != 1 {
		t.Fatalf("runs %v: %v", ids, err)
	}
	single, err := billing.New(db).Preview(t.Context(), invoq.Everyone(), "tenant-17", march())
	if err != nil {
		t.Fatal(err)
	}
	if err := runner(db, 7).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	run, err := db.FindBillRun(t.Context(), invoq.Everyone(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if run.Tenants != 60 || run.Final != 57 || run.Parked != 3 || run.Drafted+run.Kept != 0 || run.FinishedAt.IsZero() {
		t.Errorf("run %+v", run)
	}
	parked, err := db.ParkedTenants(t.Context(), invoq.Everyone(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	for _, p := range parked {
		problems = append(problems, fmt.Sprintf("%s: %s", p.Tenant, p.Problem))
	}
	want := []string{
		`tenant-13: no active plan in JPY prices tenant "tenant-13": create one, or assign one to the tenant`,
		`tenant-3: no active plan in JPY prices tenant "tenant-3": create one, or assign one to the tenant`,
		`tenant-5: time zone "Nowhere/None" is not an IANA name such as Europe/Berlin`,
	}
	if diff := gocmp.Diff(want, problems); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
	bills, err := db.ListBills(t.Context(), invoq.Everyone(), postgres.BillFilter{}, invoq.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]bool{}
	for _, b := range bills {
		numbers[b.Number] = true
		if b.TenantID == single.Bill.TenantID {
			if diff := gocmp.Diff(string(billing.Canonical(single.Bill)), string(billing.Canonical(b))); diff != "" {
				t.Errorf("made alone and made in a run (-alone +run):\n%s", diff)
			}
		}
	}
	for n := 1; n <= 57; n++ {
		if !numbers[fmt.Sprintf("INV-%08d", n)] {
			t.Errorf("no bill has number %d", n)
		}
	}
	if len(single.Bill.Parts) != 2 || single.Bill.Total.Sign() <= 0 {
		t.Errorf("the bill of a tenant that moved: %+v", single.Bill)
	}
}

// What is issued stays: a run over it keeps it.
func TestRunKeepsWhatIsIssued(t *testing.T) {
	url := pgtest.URL(t, billedFleet("run", size{tenants: 60, services: 2}))
	db := openFrom(t, url)
	if err := runner(db, 50).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := dump(t, url)
	again, err := db.CreateBillRun(t.Context(), postgres.BillRun{Month: "2026-03", CreatedBy: "test"},
		func(pgx.Tx, postgres.BillRun) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := runner(db, 50).Work(t.Context(), again.ID); err != nil {
		t.Fatal(err)
	}
	run, err := db.FindBillRun(t.Context(), invoq.Everyone(), again.ID)
	if err != nil || run.Kept != 57 || run.Parked != 3 {
		t.Errorf("run %+v: %v", run, err)
	}
	if diff := gocmp.Diff(billsOf(before), billsOf(dump(t, url))); diff != "" {
		t.Errorf("bills changed:\n%s", diff)
	}
}

// While one server leads a run, another one leaves it alone.
func TestRunHasOneLeader(t *testing.T) {
	db := openFrom(t, pgtest.URL(t, billedFleet("run", size{tenants: 60, services: 2})))
	ids, err := db.UnfinishedBillRuns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	led, err := db.LeadBillRun(t.Context(), ids[0], func() error {
		if err := runner(db, 50).Resume(t.Context()); err != nil {
			t.Error(err)
		}
		run, err := db.FindBillRun(t.Context(), invoq.Everyone(), ids[0])
		if err != nil || run.Done() != 0 {
			t.Errorf("somebody else worked: %+v, %v", run, err)
		}
		return nil
	})
	if !led || err != nil {
		t.Errorf("led %v, %v", led, err)
	}
	if err := runner(db, 50).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if run, err := db.FindBillRun(t.Context(), invoq.Everyone(), ids[0]); err != nil || run.Done() != 60 {
		t.Errorf("run %+v: %v", run, err)
	}
}

// As many runs at a time as the pool has connections do not wait for each
// other.
func TestRunsDoNotUseUpThePool(t *testing.T) {
	db := openFrom(t, pgtest.URL(t, billedFleet("run", size{tenants: 60, services: 2})))
	conns := int(db.Pool().Config().MaxConns)
	for n := range conns {
		_, err := db.CreateBillRun(t.Context(), postgres.BillRun{
			Month: fmt.Sprintf("2025-%02d", 1+n%12), CreatedBy: "test",
		}, func(pgx.Tx, postgres.BillRun) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	ids, err := db.UnfinishedBillRuns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	leading := make(chan struct{}) // Closed when all lead.
	var leaders atomic.Int32
	var runs errgroup.Group
	for _, id := range ids {
		runs.Go(func() error {
			_, err := db.LeadBillRun(ctx, id, func() error {
				if int(leaders.Add(1)) == len(ids) {
					close(leading)
				}
				select {
				case <-leading:
				case <-ctx.Done():
				}
				_, err := db.BillRunTenants(ctx, id)
				return err
			})
			return err
		})
	}
	if err := runs.Wait(); err != nil {
		t.Error(err)
	}
}

// Who asks for a run at the moment at which one ends gets that one or a new one,
// and no error.
func TestAskingForARunThatEnds(t *testing.T) {
	db := openFrom(t, pgtest.URL(t))
	var askers errgroup.Group
	for range 4 {
		askers.Go(func() error {
			for range 100 {
				run, err := db.CreateBillRun(t.Context(), postgres.BillRun{Month: "2026-03", CreatedBy: "test"},
					func(pgx.Tx, postgres.BillRun) error { return nil })
				if err != nil {
					return err
				}
				if err := db.FinishBillRun(t.Context(), run.ID, april); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := askers.Wait(); err != nil {
		t.Error(err)
	}
}

// A period that is still counted is billed as a draft and not final.
func TestRunLeavesOpenMonthsOpen(t *testing.T) {
	url := pgtest.URL(t, billedFleet("run", size{tenants: 60, services: 2}))
	db := openFrom(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	// Berlin's March was over when the run was asked for and its grace too, that of
	// UTC was not. That it is by now helps nothing: what came since is not billed.
	if _, err := conn.Exec(t.Context(), `UPDATE bill_runs SET compared = '2026-04-01T00:30:00Z'`); err != nil {
		t.Fatal(err)
	}
	if err := runner(db, 50).Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := db.ListBills(t.Context(), invoq.Everyone(), postgres.BillFilter{}, invoq.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, b := range all {
		got[b.Timezone+" "+string(b.Status)]++
	}
	if diff := gocmp.Diff(map[string]int{"Europe/Berlin final": 27, "UTC draft": 30}, got); diff != "" {
		t.Errorf("bills (-want +got):\n%s", diff)
	}
}

func openFrom(t testing.TB, url string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// march is the month in Berlin, the zone of tenants with odd numbers.
func march() invoq.Interval {
	return invoq.Interval{
		Start: time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC), End: time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC),
	}
}
