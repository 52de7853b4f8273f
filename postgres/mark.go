package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// Mark tells states of the usage, the tenants, their services' tags and the
// plans apart: while it stays the same, so does what they say.
type Mark struct {
	// Until is how far usage has been aggregated; zero before the first run.
	Until time.Time
	// Tags stays the same for as long as the tags of all services do.
	Tags string
	// Recounts stays the same for as long as no window changes that was closed.
	Recounts int64
	rest     string
}

// Mark returns the present mark.
func (db *DB) Mark(ctx context.Context, s invoq.Scope) (Mark, error) {
	var m Mark
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var until *time.Time
		// Every run of the aggregation writes its row again, so that the
		// transaction which wrote it tells runs within one slot apart.
		err := tx.QueryRow(ctx, `
			SELECT (SELECT until FROM aggregation), coalesce((SELECT recounts FROM aggregation), 0),
				(SELECT coalesce(sum(hashtextextended(concat(id, tags), 0)), 0)::text FROM services WHERE tags <> '{}'),
				concat_ws(' ',
					(SELECT xmin FROM aggregation),
					(SELECT concat(count(*), ' ', max(updated_at)) FROM tenants),
					(SELECT count(*) FROM pricing_plans),
					(SELECT count(*) FROM plan_assignments))`).Scan(&until, &m.Recounts, &m.Tags, &m.rest)
		if until != nil {
			m.Until = until.UTC()
		}
		return err
	})
	return m, wrap(err, "read mark")
}

// LastUses returns when each tenant in scope, or the one given, last used
// something: the end of its last five-minute window with an invocation.
// Tenants that never did are not in the answer.
func (db *DB) LastUses(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID,
) (map[invoq.TenantID]time.Time, error) {
	all := map[invoq.TenantID]time.Time{}
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, lastUses, pgx.NamedArgs{"tenant": string(tenant)})
		var id invoq.TenantID
		var at time.Time
		_, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error {
			all[id] = at.UTC()
			return nil
		})
		return err
	})
	return all, wrap(err, "find last uses")
}

// lastUses walks back over days, which are few, and only then over the last
// day's windows.
const lastUses = `
	SELECT t.id::text, w.window_start + interval '5 minutes'
	FROM tenants t
	CROSS JOIN LATERAL (
		SELECT u.window_start
		FROM usage_aggregate u
		WHERE u.tenant_id = t.id AND u.window_seconds = 86400 AND u.invocations > 0
		ORDER BY u.window_start DESC
		LIMIT 1
	) d
	CROSS JOIN LATERAL (
		SELECT u.window_start
		FROM usage_aggregate u
		WHERE u.tenant_id = t.id AND u.window_seconds = 300 AND u.invocations > 0
			AND u.window_start >= d.window_start AND u.window_start < d.window_start + interval '1 day'
		ORDER BY u.window_start DESC
		LIMIT 1
	) w
	WHERE @tenant = '' OR t.id = nullif(@tenant, '')::uuid`
