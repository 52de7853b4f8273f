package postgres_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/internal/pgtest"
	"invoq/ledger"
	"invoq/postgres"
)

// BenchmarkMargins sums up a month of a thousand users of twenty tenants, as the
// page of margins does: by user, by day, and what is unpriced.
func BenchmarkMargins(b *testing.B) {
	month := invoq.Interval{
		Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			db := bookOf(b, n)
			for b.Loop() {
				sums, err := db.MarginsTogether(b.Context(), everyone,
					ledger.MarginQuery{By: ledger.ByUser, Interval: month, Limit: 25},
					ledger.MarginQuery{By: ledger.ByDay, Interval: month, Limit: 100})
				if err != nil || len(sums[0]) != 26 || sums[0][0].Entries != int64(n) {
					b.Fatalf("%d rows: %v", len(sums[0]), err)
				}
				_, err = db.Consumption(b.Context(), everyone, ledger.ConsumptionQuery{
					Interval: month, Unpriced: true, Limit: 20,
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// bookOf returns a database with n entries of November 2026 that nobody has
// signed: they are there to be summed up.
func bookOf(b *testing.B, n int) *postgres.DB {
	b.Helper()
	url := pgtest.URL(b, pgtest.Migrated())
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	_, err = conn.Exec(b.Context(), fmt.Sprintf(`
		SELECT ledger_partition('2026-11-01');
		INSERT INTO tenants (id, name, currency, timezone)
		SELECT md5('t' || i)::uuid, 'tenant-' || i, 'USD', 'UTC'
		FROM generate_series(0, 19) AS i;
		INSERT INTO ledger_users (id, tenant_id, name)
		SELECT md5('u' || i)::uuid, md5('t' || i %% 20)::uuid, 'user-' || i
		FROM generate_series(0, 999) AS i;
		INSERT INTO ledger_entries (position, tenant_id, user_id, platform, provider, namespace, service, revision,
			meter, quantity, catalogue, currency, unit_cost, real_cost, billed_cost, model, request_id, corrects,
			labels, event_time, received_at)
		SELECT i, md5('t' || i %% 20)::uuid, md5('u' || i %% 1000)::uuid, 'shop', 'provider', '', 'chat', '',
			'AI_TOKENS', 1000 + i %% 977, 1, 'USD', 0.000012, (1000 + i %% 977) * 0.000012,
			CASE WHEN i %% 97 > 0 THEN (1000 + i %% 977) * 0.000018 END, 'MARKUP', 'r' || i, '', '',
			'2026-11-01'::timestamptz + i * interval '29 days' / %d, '2026-12-01'
		FROM generate_series(0, %d) AS i;
		ANALYZE;`, n, n-1))
	if err != nil {
		b.Fatal(err)
	}
	db, err := postgres.Open(b.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	return db
}
