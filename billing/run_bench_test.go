package billing_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/billing"
	"invoq/internal/pgtest"
	"invoq/postgres"
)

// benchServices is how many services each tenant has.
const benchServices = 10

// benchFleet is a database with a March of many tenants in UTC, each of its
// services in use every hour. Its days are stored, the sums of its hours; of the
// hours themselves only those of the last day, since a whole month in UTC reads
// none.
func benchFleet(tenants int) pgtest.Template {
	name := fmt.Sprintf("bench %d", tenants)
	return pgtest.Template{Name: name, Fill: func(ctx context.Context, url string) error {
		db, err := postgres.Open(ctx, url, quiet)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.CreatePlan(ctx, everyone, invoq.Plan{
			Name: "standard", Currency: "USD", Active: true, Rates: rates()[:2],
		}, "bench")
		if err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		for _, sql := range []string{
			fmt.Sprintf(`INSERT INTO tenants (id, name, currency, timezone)
				SELECT gen_random_uuid(), 'tenant-' || i, 'USD', 'UTC' FROM generate_series(1, %d) i`, tenants),
			fmt.Sprintf(`INSERT INTO services (id, tenant_id, name)
				SELECT gen_random_uuid(), id, 'service-' || i FROM tenants, generate_series(1, %d) i`, benchServices),
			`INSERT INTO revisions (id, tenant_id, service_id, name)
			 SELECT gen_random_uuid(), tenant_id, id, name || '-00001' FROM services`,
			benchWindows(86400, "2026-03-01Z"), benchWindows(3600, "2026-03-31Z"),
			`INSERT INTO aggregation (until) VALUES ('2026-04-02')`,
			`VACUUM ANALYZE`,
		} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	}}
}

// benchWindows inserts windows of a size from an instant to the month's end, in
// order of time, as the aggregation leaves them.
func benchWindows(seconds int, start string) string {
	return fmt.Sprintf(`
		INSERT INTO usage_aggregate
		SELECT r.tenant_id, r.id, %[1]d, w, 1200 * %[1]d / 3600 + extract(hour FROM w), 345678.123456 * %[1]d / 3600,
			44444444.123456 * %[1]d / 3600, 123456.789, 3, 2, '{5,10,25,50,100,250,500,1000}',
			'{10,20,30,40,50,60,70,80}', 128.5, 0, 0, 0
		FROM generate_series(timestamptz '%[2]s', '2026-03-31T23:00Z', interval '%[1]d seconds') w, revisions r`,
		seconds, start)
}

// BenchmarkRun makes the drafts of all tenants for a month. INVOQ_BENCH_TENANTS
// sets how many there are, beside 250 and 1000. The baseline
// is in testdata/bench.txt.
func BenchmarkRun(b *testing.B) {
	sizes := []int{250, 1000}
	if n, err := strconv.Atoi(os.Getenv("INVOQ_BENCH_TENANTS")); err == nil {
		sizes = []int{n}
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("tenants=%d", n), func(b *testing.B) { benchmarkRun(b, n) })
	}
}

func benchmarkRun(b *testing.B, n int) {
	db := openFrom(b, pgtest.URL(b, benchFleet(n)))
	r := billing.NewRunner(db, billing.RunConfig{}, quiet, func() time.Time { return april })
	b.ReportAllocs()
	most := peak(b)
	for b.Loop() {
		run, err := db.CreateBillRun(b.Context(), postgres.BillRun{Month: "2026-03", CreatedBy: "bench"},
			func(pgx.Tx, postgres.BillRun) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Work(b.Context(), run.ID); err != nil {
			b.Fatal(err)
		}
		run, err = db.FindBillRun(b.Context(), everyone, run.ID)
		if err != nil || run.Drafted != n {
			b.Fatalf("run %+v: %v", run, err)
		}
	}
	bills := float64(n) * float64(b.N)
	b.ReportMetric(bills/b.Elapsed().Seconds(), "bills/s")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/bills, "µs/bill")
	b.ReportMetric(float64(most())/(1<<20), "peak-MB")
}

// peak watches the heap until the function that it returns is called, which
// returns the most that was in use.
func peak(b *testing.B) func() uint64 {
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		var m runtime.MemStats
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-tick.C:
			case <-stop:
				done <- most
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-done
	}
}
