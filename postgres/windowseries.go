package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// RevisionSeries is a revision whose windows can be read as series.
type RevisionSeries struct {
	ID, TenantID                 string
	Tenant                       invoq.TenantName
	Namespace, Service, Revision string
	Currency                     string // of the tenant
}

// RevisionsWithin returns the revisions in scope that have windows on the days
// that the interval touches, at most limit of them.
func (db *DB) RevisionsWithin(
	ctx context.Context, s invoq.Scope, in invoq.Interval, limit int,
) ([]RevisionSeries, error) {
	var all []RevisionSeries
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT r.id::text, t.id::text, t.name, v.namespace, v.name, r.name, t.currency
			FROM tenants t
			JOIN services v ON v.tenant_id = t.id
			JOIN revisions r ON r.service_id = v.id
			WHERE r.id IN (
				SELECT revision_id
				FROM usage_aggregate
				WHERE window_seconds = 86400 AND window_start >= @start AND window_start < @end)
			LIMIT @limit`, pgx.NamedArgs{
			"start": invoq.Window1d.Floor(in.Start), "end": in.End, "limit": limit,
		})
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[RevisionSeries])
		return err
	})
	return all, wrap(err, "list revisions with usage in %s", in)
}

// FirstDay returns the start of the first day (UTC) with usage in scope, and
// false where there is none.
func (db *DB) FirstDay(ctx context.Context, s invoq.Scope) (time.Time, bool, error) {
	var first *time.Time
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT min(window_start) FROM usage_aggregate WHERE window_seconds = 86400`).Scan(&first)
	})
	if err != nil || first == nil {
		return time.Time{}, false, wrap(err, "find the first usage")
	}
	return first.UTC(), true, nil
}

// WindowsOf calls each for the five-minute windows of the revisions that begin
// in the interval, by revision and time, with quantities by meter in the order
// of invoq.Meters. It reports false, and stops, when there are more than limit.
func (db *DB) WindowsOf(
	ctx context.Context, s invoq.Scope, of []RevisionSeries, in invoq.Interval, limit int,
	each func(revision string, start time.Time, values [6]float64),
) (complete bool, err error) {
	ids, tenants := make([]string, len(of)), make([]string, len(of))
	for i, r := range of {
		ids[i], tenants[i] = r.ID, r.TenantID
	}
	n := 0
	err = db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT revision_id::text, window_start, invocations::float8, duration_ms::float8, mb_ms::float8,
				cpu_ms::float8, cold_starts::float8, errors::float8
			FROM usage_aggregate
			WHERE tenant_id = ANY (@tenants::uuid[]) AND window_seconds = 300
				AND window_start >= @start AND window_start < @end AND revision_id = ANY (@ids::uuid[])
			ORDER BY revision_id, window_start
			LIMIT @limit`, pgx.NamedArgs{
			"tenants": tenants, "ids": ids, "start": in.Start, "end": in.End, "limit": limit + 1,
		})
		var id string
		var start time.Time
		var v [6]float64
		_, err := pgx.ForEachRow(rows,
			[]any{&id, &start, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]}, func() error {
				n++
				each(id, start.UTC(), v)
				return nil
			})
		return err
	})
	return n <= limit, wrap(err, "read windows of %d revisions", len(of))
}

// CostHour is what entries of the book with the same names cost in an hour, in
// one currency: what is billed in another one than the cost is a row of its own.
type CostHour struct {
	Hour                         time.Time
	Tenant                       invoq.TenantName
	Namespace, Service, Revision string
	Meter, Currency              string
	// Real and Billed are 0 where no cost or no price is known.
	Real, Billed float64
}

// CostHours returns what the book says that was used in the hours of the
// interval cost, by time. Hours without a known cost are left out; at most limit
// rows are read.
func (db *DB) CostHours(
	ctx context.Context, s invoq.Scope, in invoq.Interval, limit int,
) ([]CostHour, error) {
	var all []CostHour
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT date_bin('1 hour', e.event_time, 'epoch') AS hour, t.name, e.namespace, e.service,
				e.revision, e.meter, x.currency, coalesce(sum(x.real_cost), 0)::float8,
				coalesce(sum(x.billed_cost), 0)::float8
			FROM ledger_entries e
			JOIN tenants t ON t.id = e.tenant_id
			CROSS JOIN LATERAL (
				SELECT e.currency, e.real_cost, CASE e.billed_currency WHEN '' THEN e.billed_cost END AS billed_cost
				WHERE e.billed_currency = '' OR e.real_cost IS NOT NULL
				UNION ALL
				SELECT e.billed_currency, NULL, e.billed_cost
				WHERE e.billed_currency <> ''
			) AS x
			WHERE e.event_time >= @start AND e.event_time < @end
				AND (e.real_cost IS NOT NULL OR e.billed_cost IS NOT NULL)
			GROUP BY 1, 2, 3, 4, 5, 6, 7
			ORDER BY 1
			LIMIT @limit`, pgx.NamedArgs{"start": in.Start, "end": in.End, "limit": limit})
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CostHour])
		return err
	})
	return all, wrap(err, "read costs of %s by hour", in)
}
