package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// EntrySum is what entries of one service and meter add up to.
type EntrySum struct {
	Namespace, Service string
	Meter              invoq.Meter
	Quantity           invoq.Decimal
	// Cost is what they cost the owner, in Currency; known when Costed is true.
	Costed   bool
	Currency invoq.Currency
	Cost     invoq.Decimal
}

// SumEntries sums the entries of each span by when they were used, of those at
// positions before the size, in the order of the spans. It is one query for all
// tenants.
func (db *DB) SumEntries(ctx context.Context, spans []Span, size int64) ([][]EntrySum, error) {
	tenants := make([]string, len(spans))
	starts, ends := make([]time.Time, len(spans)), make([]time.Time, len(spans))
	for i, s := range spans {
		tenants[i], starts[i], ends[i] = string(s.Tenant), s.Interval.Start, s.Interval.End
	}
	all := make([][]EntrySum, len(spans))
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, sumEntriesBefore, pgx.NamedArgs{
			"tenants": tenants, "starts": starts, "ends": ends, "size": size, "true_up": invoq.TrueUp,
		})
		var n int
		var s EntrySum
		_, err := pgx.ForEachRow(rows, []any{
			&n, &s.Namespace, &s.Service, &s.Meter, &s.Costed, &s.Currency, &s.Quantity, &s.Cost,
		}, func() error {
			all[n] = append(all[n], s)
			return nil
		})
		return err
	})
	return all, wrap(err, "sum entries of %d spans", len(spans))
}

// sumEntriesBefore walks each tenant's entries by the time of their usage.
const sumEntriesBefore = `
	SELECT q.n - 1, d.namespace, d.service, d.meter, d.costed, d.currency, d.quantity, d.cost
	FROM unnest(@tenants::uuid[], @starts::timestamptz[], @ends::timestamptz[])
		WITH ORDINALITY AS q (tenant_id, start_at, end_at, n)
	CROSS JOIN LATERAL (
		SELECT e.namespace, e.service, e.meter, e.real_cost IS NOT NULL AS costed, e.currency,
			sum(e.quantity) AS quantity, coalesce(sum(e.real_cost), 0) AS cost
		FROM ledger_entries e
		WHERE e.tenant_id = q.tenant_id AND e.event_time >= q.start_at AND e.event_time < q.end_at
			AND e.position < @size AND e.meter <> @true_up
		GROUP BY 1, 2, 3, 4, 5
	) d`

// Billed returns what a tenant's entries at positions before the size are billed
// in a currency, of those used in the interval.
func (db *DB) Billed(
	ctx context.Context, s Span, currency invoq.Currency, size int64,
) (sum invoq.Decimal, err error) {
	err = db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT coalesce(sum(billed_cost), 0)
			FROM ledger_entries
			WHERE tenant_id = @tenant::uuid AND event_time >= @start AND event_time < @end
				AND position < @size AND coalesce(nullif(billed_currency, ''), currency) = @currency`,
			pgx.NamedArgs{
				"tenant": string(s.Tenant), "start": s.Interval.Start, "end": s.Interval.End, "size": size,
				"currency": currency,
			}).Scan(&sum)
	})
	return sum, wrap(err, "sum what tenant %q is billed over %s", s.Tenant, s.Interval)
}
