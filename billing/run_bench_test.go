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

// benchFleet is a database with a March of many tenants in UTC, each of whose
// services has used something of every meter. The book's months are there as
// stored sums, which is what a run reads; entries are not, but for the head.
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
			`INSERT INTO ledger_batches VALUES (0, 0, 1, decode(repeat('00', 32), 'hex'),
				decode(repeat('00', 32), 'hex'), now())`,
			`UPDATE ledger_summed SET until = 1`,
			fmt.Sprintf(`INSERT INTO ledger_sums
				SELECT t.id, '2026-03', 'UTC', '', 'service-' || i, 'service-' || i || '-00001', m.meter, '', '',
					m.quantity * i, 0, 0, 0, 0, 744, 0, 0, 0, 0, 0
				FROM tenants t, generate_series(1, %d) i, (VALUES ('invocations', 892800), ('duration_ms', 257184523.844),
					('mb_ms', 33066666427.748), ('cpu_ms', 91851850.616), ('cold_starts', 2232), ('errors', 1488)
				) AS m (meter, quantity)
				ORDER BY 1, 5`, benchServices),
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

// BenchmarkRun makes the drafts of all tenants for a month. INVOQ_BENCH_TENANTS
// sets how many there are instead of 250 and 1000. The baseline is in
// testdata/bench.txt.
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
