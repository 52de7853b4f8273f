package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// SumLatency returns the durations of each revision's invocations in an
// interval of whole hours, by namespace, service and revision: usage with
// nothing but its Latency.
func (db *DB) SumLatency(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID, i invoq.Interval,
) ([]invoq.Usage, error) {
	var all []invoq.Usage
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT u.revision_id::text, b.upper_ms, sum(b.n)::bigint
			FROM usage_aggregate u
			CROSS JOIN LATERAL unnest(u.latency_upper_ms, u.latency_counts) AS b (upper_ms, n)
			WHERE u.tenant_id = @tenant AND u.window_seconds = 3600
				AND u.window_start >= @start AND u.window_start < @end
			GROUP BY u.revision_id, b.upper_ms
			ORDER BY u.revision_id, b.upper_ms`,
			pgx.NamedArgs{"tenant": string(tenant), "start": i.Start, "end": i.End})
		ids := map[string]bool{}
		var id string
		var upperMs float64
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&id, &upperMs, &n}, func() error {
			if !ids[id] {
				ids[id] = true
				all = append(all, invoq.Usage{Interval: i, TenantID: tenant, Revision: id})
			}
			all[len(all)-1].Latency.Observe(upperMs, n)
			return nil
		})
		if err != nil {
			return err
		}
		names, err := revisionNames(ctx, tx, ids)
		for i := range all {
			names[all[i].Revision].name(&all[i])
		}
		slices.SortFunc(all, byName)
		return err
	})
	return all, wrap(err, "sum latency of tenant %s over %s", tenant, i)
}
