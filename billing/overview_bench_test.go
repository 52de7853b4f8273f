package billing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/billing"
	"invoq/internal/pgtest"
	"invoq/postgres"
)

// benchTenants have three services each, every one of them in use in every hour
// of the month.
const benchTenants = 1000

// benchNow is late on the month's last day, when it is at its longest.
var benchNow = time.Date(2026, 3, 31, 21, 0, 0, 0, time.UTC)

// fleet is a database with the month of many tenants in these zones, in turn.
func fleet(name string, zones ...string) pgtest.Template {
	return pgtest.Template{Name: name, Fill: func(ctx context.Context, url string) error {
		db, err := postgres.Open(ctx, url, quiet)
		if err != nil {
			return err
		}
		defer db.Close()
		plan := invoq.Plan{Name: "standard", Currency: "USD", Active: true, Rates: []invoq.Rate{
			{Meter: invoq.Invocations, Price: invoq.MustDecimal("0.0000002"), FreePerMonth: invoq.MustDecimal("1e6")},
			{Meter: invoq.MBMs, Price: invoq.MustDecimal("0.0000000000162760417"), FreePerMonth: invoq.MustDecimal("4e11")},
		}}
		if _, err := db.CreatePlan(ctx, invoq.Everyone(), plan, "bench"); err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		return fillFleet(ctx, conn, zones)
	}}
}

// fillFleet inserts rows as the aggregation leaves them, in order of time.
func fillFleet(ctx context.Context, conn *pgx.Conn, zones []string) error {
	window := func(seconds int, start string) string {
		return fmt.Sprintf(`
			INSERT INTO usage_aggregate
			SELECT r.tenant_id, r.id, %[1]d, w, 1200 * %[1]d / 3600 + extract(hour FROM w),
				345678.123456 * %[1]d / 3600, 44444444.123456 * %[1]d / 3600, 123456.789, 3, 2, '{5,10,25,50,100,250,500,1000}', '{10,20,30,40,50,60,70,80}', 128.5, 0, 0, 0
			FROM generate_series(timestamptz '%[2]s', '%[3]s', interval '%[1]d seconds') w, revisions r`,
			seconds, start, benchNow.Format(time.RFC3339))
	}
	for _, sql := range []string{
		fmt.Sprintf(`
			INSERT INTO tenants (id, name, currency, timezone)
			SELECT gen_random_uuid(), 'tenant-' || i, 'USD', ('{%s}'::text[])[1 + i %% %d]
			FROM generate_series(1, %d) i`, join(zones), len(zones), benchTenants),
		`INSERT INTO services (id, tenant_id, name) SELECT gen_random_uuid(), id, 'service-' || i
		 FROM tenants, generate_series(1, 3) i`,
		`INSERT INTO revisions (id, tenant_id, service_id, name)
		 SELECT gen_random_uuid(), tenant_id, id, name || '-00001' FROM services`,
		window(86400, "2026-03-01Z"), window(3600, "2026-02-28Z"), window(300, "2026-03-31Z"),
		fmt.Sprintf(`INSERT INTO aggregation (until) VALUES ('%s')`, benchNow.Format(time.RFC3339)),
		`ANALYZE`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func join(zones []string) string {
	all := zones[0]
	for _, z := range zones[1:] {
		all += "," + z
	}
	return all
}

var fleets = []pgtest.Template{
	fleet("zones=utc", "UTC"),
	fleet("zones=mixed", "UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"),
}

func openFleet(b *testing.B, template pgtest.Template) *postgres.DB {
	b.Helper()
	db, err := postgres.Open(b.Context(), pgtest.URL(b, template), quiet)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	return db
}

func frozen() time.Time { return benchNow }

func whatever(*billing.Overview) bool { return true }

// BenchmarkOverviewFirst makes the first overview after a start, which reads
// the whole month.
func BenchmarkOverviewFirst(b *testing.B) {
	for _, template := range fleets {
		b.Run(fmt.Sprintf("%s/tenants=%d", template.Name, benchTenants), func(b *testing.B) {
			db := openFleet(b, template)
			b.ReportAllocs()
			for b.Loop() {
				o := overviews(db, frozen)
				ctx, stop := context.WithCancel(b.Context())
				go o.Run(ctx)
				if v := latest(b, o, whatever); len(v.Tenants) != benchTenants || v.Tenants[0].Bill.Total.IsZero() {
					b.Fatalf("%d tenants, total %s", len(v.Tenants), v.Tenants[0].Bill.Total)
				}
				stop()
			}
			b.ReportMetric(benchTenants*float64(b.N)/b.Elapsed().Seconds(), "tenants/s")
		})
	}
}

// BenchmarkOverviewNext makes another one after a run of the aggregation.
func BenchmarkOverviewNext(b *testing.B) {
	for _, template := range fleets {
		b.Run(fmt.Sprintf("%s/tenants=%d", template.Name, benchTenants), func(b *testing.B) {
			db := openFleet(b, template)
			o := overviews(db, frozen)
			run(b, o)
			latest(b, o, whatever)
			until := benchNow
			b.ReportAllocs()
			for b.Loop() {
				until = until.Add(time.Second)
				if err := db.AggregatedUntil(b.Context(), until); err != nil {
					b.Fatal(err)
				}
				latest(b, o, func(v *billing.Overview) bool { return v.Counted.Equal(until) })
			}
			b.ReportMetric(benchTenants*float64(b.N)/b.Elapsed().Seconds(), "tenants/s")
		})
	}
}

// BenchmarkOverviewLatest is what a page pays when nothing has changed.
func BenchmarkOverviewLatest(b *testing.B) {
	db := openFleet(b, fleets[0])
	o := overviews(db, frozen)
	run(b, o)
	latest(b, o, whatever)
	b.ReportAllocs()
	for b.Loop() {
		latest(b, o, whatever)
	}
}
