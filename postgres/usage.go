package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// UsageFilter says which windows to read. Zero fields do not restrict.
type UsageFilter struct {
	Tenant            invoq.TenantID
	Service, Revision string
	Interval          invoq.Interval // of the windows' starts; required
	Window            invoq.WindowSize
}

const usageColumns = `
	u.tenant_id::text, t.name, v.namespace, v.name, r.name, u.window_start, u.window_seconds,
	u.invocations, u.duration_ms, u.mb_ms, u.cpu_ms, u.cold_starts, u.errors,
	u.latency_upper_ms, u.latency_counts, u.max_memory_mb, u.gap_seconds, u.assumed, u.unmeasured_ms`

// scanUsage reads a row of usageColumns.
func scanUsage(row pgx.CollectableRow) (invoq.Usage, error) {
	var u invoq.Usage
	var width int
	err := row.Scan(&u.TenantID, &u.Tenant, &u.Namespace, &u.Service, &u.Revision, &u.Start, &width,
		&u.Invocations, &u.DurationMs, &u.MBMs, &u.CPUMs, &u.ColdStarts, &u.Errors,
		&u.Latency.UpperMs, &u.Latency.Counts, &u.MaxMemoryMB, &u.GapSeconds, &u.Assumed, &u.UnmeasuredMs)
	u.Start = u.Start.UTC()
	u.End = u.Start.Add(time.Duration(width) * time.Second)
	return u, err
}

// ListUsage returns windows by time, tenant, namespace, service and revision.
// Page.After is what UsageKey gives for the last row seen.
func (db *DB) ListUsage(
	ctx context.Context, s invoq.Scope, f UsageFilter, p invoq.Page,
) ([]invoq.Usage, error) {
	after, err := parseUsageKey(p.After)
	if err != nil {
		return nil, err
	}
	var all []invoq.Usage
	err = db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+usageColumns+`
			FROM usage_aggregate u
			JOIN tenants t ON t.id = u.tenant_id
			JOIN revisions r ON r.id = u.revision_id
			JOIN services v ON v.id = r.service_id
			WHERE u.window_seconds = @size AND u.window_start >= @start AND u.window_start < @end
				AND (@tenant = '' OR u.tenant_id = nullif(@tenant, '')::uuid)
				AND (@service = '' OR v.name = @service) AND (@revision = '' OR r.name = @revision)
				AND (u.window_start, t.name, v.namespace, v.name, r.name) > (
					@after_start, @after_tenant, @after_namespace, @after_service, @after_revision)
			ORDER BY u.window_start, t.name, v.namespace, v.name, r.name
			LIMIT @limit`,
			pgx.NamedArgs{
				"size": seconds(f.Window), "start": f.Interval.Start, "end": f.Interval.End,
				"tenant": string(f.Tenant), "service": f.Service, "revision": f.Revision,
				"limit":       p.Limit,
				"after_start": after.start, "after_tenant": after.tenant, "after_namespace": after.namespace,
				"after_service": after.service, "after_revision": after.revision,
			})
		var err error
		all, err = pgx.CollectRows(rows, scanUsage)
		return err
	})
	return all, wrap(err, "list usage")
}

// usageKey is the place of a row in the order of ListUsage.
type usageKey struct {
	start                                time.Time
	tenant, namespace, service, revision string
}

// UsageKey returns the key of a row for Page.After.
func UsageKey(u invoq.Usage) string {
	return fmt.Sprintf("%d %q %q %q %q", u.Start.Unix(), string(u.Tenant), u.Namespace, u.Service, u.Revision)
}

// parseUsageKey reads what UsageKey wrote. Keys come back from callers, so
// anything else is their mistake.
func parseUsageKey(s string) (usageKey, error) {
	if s == "" {
		return usageKey{}, nil
	}
	var k usageKey
	var unix int64
	n, err := fmt.Sscanf(s, "%d %q %q %q %q", &unix, &k.tenant, &k.namespace, &k.service, &k.revision)
	if err != nil || n != 5 {
		return usageKey{}, invoq.Errorf(invoq.KindInvalid, "the page's cursor is not one that was given out")
	}
	k.start = time.Unix(unix, 0).UTC()
	return k, nil
}

// MeterState is what a run of the aggregation has to know.
type MeterState struct {
	// Until is how far usage has been aggregated; zero before the first run.
	Until time.Time
	// Sources, MemoryLimits (bytes) and Watched are as in package tsdb/exact.
	Sources      map[invoq.ServiceKey]string
	MemoryLimits map[invoq.ServiceKey]int64
	Watched      map[invoq.TenantName]int64
}

// MeterState reads the state of the aggregation.
func (db *DB) MeterState(ctx context.Context) (MeterState, error) {
	st := MeterState{
		Sources:      map[invoq.ServiceKey]string{},
		MemoryLimits: map[invoq.ServiceKey]int64{},
		Watched:      map[invoq.TenantName]int64{},
	}
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT until FROM aggregation`).Scan(&st.Until)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := st.readServices(ctx, tx); err != nil {
			return err
		}
		return st.readWatched(ctx, tx)
	})
	return st, wrap(err, "read state of the aggregation")
}

// readServices learns by which series each service is counted, and its memory.
func (st *MeterState) readServices(ctx context.Context, tx pgx.Tx) error {
	rows, _ := tx.Query(ctx, `
		SELECT t.name, s.namespace, s.name, s.source, (least(s.memory_limit_mb, @most) * 1048576)::bigint
		FROM services s
		JOIN tenants t ON t.id = s.tenant_id`, pgx.NamedArgs{"most": invoq.MaxMemoryMB})
	var key invoq.ServiceKey
	var source string
	var bytes int64
	_, err := pgx.ForEachRow(
		rows,
		[]any{&key.Tenant, &key.Namespace, &key.Service, &source, &bytes},
		func() error {
			if source != "" {
				st.Sources[key] = source
			}
			if bytes > 0 {
				st.MemoryLimits[key] = bytes
			}
			return nil
		},
	)
	return err
}

// readWatched learns since when each tenant is watched.
func (st *MeterState) readWatched(ctx context.Context, tx pgx.Tx) error {
	rows, _ := tx.Query(ctx, `SELECT name, watched_at FROM tenants WHERE watched_at IS NOT NULL`)
	var name invoq.TenantName
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&name, &at}, func() error {
		st.Watched[name] = at.UnixMilli()
		return nil
	})
	return err
}

// AggregatedUntil moves the mark of how far usage has been aggregated; it never
// moves back.
func (db *DB) AggregatedUntil(ctx context.Context, until time.Time) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO aggregation AS a (until)
			VALUES ($1)
			ON CONFLICT (only_one) DO UPDATE
			SET until = greatest(a.until, excluded.until)`, until)
		return err
	})
	return wrap(err, "mark usage as aggregated")
}
