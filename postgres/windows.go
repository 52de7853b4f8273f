package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// Windows are the five-minute windows that one aggregation run has counted.
type Windows struct {
	// Interval is what was counted, whole windows. What is stored in it for
	// Tenants (nil: all) and is not in Rows is taken away.
	Interval invoq.Interval
	Tenants  []invoq.TenantName
	Rows     []invoq.Usage
	// Sources say by which series each service is counted.
	Sources map[invoq.ServiceKey]string
	// Watched is when the first sample of each tenant came; it is kept for
	// tenants that have none yet.
	Watched map[invoq.TenantName]time.Time
}

// StoreWindows stores a run's windows, registers the tenants, services and
// revisions that they name, and brings the hours and days over them up to
// date, all or nothing. The same windows again change nothing.
func (db *DB) StoreWindows(ctx context.Context, w Windows) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		for _, step := range []struct {
			name string
			run  func(context.Context, pgx.Tx) error
		}{
			{"stage windows", w.stage},
			{"register tenants", w.registerTenants},
			{"register services", w.registerServices},
			{"settle sources", w.settleSources},
			{"replace windows", w.replace},
			{"sum hours", w.sumUp(invoq.Window5m, invoq.Window1h)},
			{"wait for days", takeDays},
			{"sum days", w.sumUp(invoq.Window1h, invoq.Window1d)},
			{"note the recount", w.noteRecount},
		} {
			if err := step.run(ctx, tx); err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
		}
		return nil
	})
	return wrap(err, "store windows %s", w.Interval)
}

// noteRecount has hours compared with the book again that were posted before.
func (w Windows) noteRecount(ctx context.Context, tx pgx.Tx) error {
	if err := noteOld(ctx, tx, w.Interval.Start); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		UPDATE ledger_windows
		SET recounted = least(recounted, $1), recounts = recounts + 1
		WHERE until > $1`, w.Interval.Start)
	return err
}

// noteOld tells that windows from an instant on have changed, if that is longer
// ago than samples mostly are late.
func noteOld(ctx context.Context, tx pgx.Tx, from time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE aggregation
		SET recounts = recounts + 1
		WHERE until - interval '130 minutes' > $1`, from)
	return err
}

var stageColumns = []string{
	"tenant", "namespace", "service", "revision", "source", "window_start",
	"invocations", "duration_ms", "mb_ms", "cpu_ms", "cold_starts", "errors",
	"latency_upper_ms", "latency_counts", "max_memory_mb", "gap_seconds", "assumed", "unmeasured_ms",
}

// stage copies the rows into a temporary table: COPY cannot write to a table
// with row-level security.
func (w Windows) stage(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		CREATE TEMPORARY TABLE IF NOT EXISTS staged_windows (
			tenant text, namespace text, service text, revision text, source text,
			window_start timestamptz, invocations numeric, duration_ms numeric, mb_ms numeric,
			cpu_ms numeric, cold_starts numeric, errors numeric, latency_upper_ms double precision[],
			latency_counts bigint[], max_memory_mb numeric, gap_seconds numeric, assumed numeric,
			unmeasured_ms numeric
		) ON COMMIT DELETE ROWS`)
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"staged_windows"}, stageColumns,
		pgx.CopyFromSlice(len(w.Rows), func(i int) ([]any, error) {
			u := &w.Rows[i]
			key := invoq.ServiceKey{Tenant: u.Tenant, Namespace: u.Namespace, Service: u.Service}
			return []any{
				string(u.Tenant), u.Namespace, u.Service, u.Revision, w.Sources[key], u.Start,
				u.Invocations, u.DurationMs, u.MBMs, u.CPUMs, u.ColdStarts, u.Errors,
				orEmpty(u.Latency.UpperMs), orEmpty(u.Latency.Counts),
				u.MaxMemoryMB, u.GapSeconds, u.Assumed, u.UnmeasuredMs,
			}, nil
		}))
	return err
}

// orEmpty turns nil into an empty array, which is what a column without NULL
// wants.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// registerTenants stores tenants that nobody created, and when the first sample
// of each tenant came. That time never changes: it decides how births count.
func (w Windows) registerTenants(ctx context.Context, tx pgx.Tx) error {
	names, times := []string{}, []time.Time{}
	for name, at := range w.Watched {
		names, times = append(names, string(name)), append(times, at)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO tenants (id, name, currency, timezone, watched_at)
		SELECT gen_random_uuid(), name, $3, $4, watched_at
		FROM unnest($1::text[], $2::timestamptz[]) AS w (name, watched_at)
		ON CONFLICT (name) DO UPDATE
		SET watched_at = excluded.watched_at
		WHERE tenants.watched_at IS NULL`,
		names, times, invoq.DefaultCurrency, invoq.DefaultTimezone)
	return err
}

// registerServices stores services and revisions that are new. A service keeps
// the source it was first counted by.
func (w Windows) registerServices(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO services (id, tenant_id, namespace, name, source)
		SELECT DISTINCT ON (t.id, s.namespace, s.service)
			gen_random_uuid(), t.id, s.namespace, s.service, s.source
		FROM staged_windows s
		JOIN tenants t ON t.name = s.tenant
		ON CONFLICT (tenant_id, namespace, name) DO UPDATE
		SET source = excluded.source
		WHERE services.source = ''`)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO revisions (id, tenant_id, service_id, name)
		SELECT gen_random_uuid(), t.id, v.id, s.revision
		FROM (SELECT DISTINCT tenant, namespace, service, revision FROM staged_windows) s
		JOIN tenants t ON t.name = s.tenant
		JOIN services v ON v.tenant_id = t.id AND v.namespace = s.namespace AND v.name = s.service
		ON CONFLICT (service_id, name) DO NOTHING`)
	return err
}

// settleSources settles that services which were not counted before are counted
// from metrics, and leaves out the windows of those that are counted from
// events at the time: theirs are made of the events.
func (w Windows) settleSources(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO ledger_sources (tenant_id, namespace, service, source)
		SELECT DISTINCT t.id, s.namespace, s.service, 'metrics'
		FROM staged_windows s
		JOIN tenants t ON t.name = s.tenant
		ORDER BY t.id, s.namespace, s.service
		ON CONFLICT (tenant_id, namespace, service) DO NOTHING`)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		DELETE FROM staged_windows s
		USING tenants t
		WHERE t.name = s.tenant
			AND source_at(t.id, s.namespace, s.service, s.window_start) = 'events'`)
	return err
}

// replace makes the stored five-minute windows of the interval that are counted
// from metrics equal to the staged ones. Rows that are equal already are not
// touched.
func (w Windows) replace(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		CREATE TEMPORARY TABLE counted_windows ON COMMIT DROP AS
		SELECT t.id AS tenant_id, r.id AS revision_id, s.window_start, s.invocations, s.duration_ms,
			s.mb_ms, s.cpu_ms, s.cold_starts, s.errors, s.latency_upper_ms, s.latency_counts,
			s.max_memory_mb, s.gap_seconds, s.assumed, s.unmeasured_ms
		FROM staged_windows s
		JOIN tenants t ON t.name = s.tenant
		JOIN services v ON v.tenant_id = t.id AND v.namespace = s.namespace AND v.name = s.service
		JOIN revisions r ON r.service_id = v.id AND r.name = s.revision`)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		DELETE FROM usage_aggregate u
		USING tenants t
		WHERE u.window_seconds = 300 AND u.window_start >= @start AND u.window_start < @end
			AND u.source = 'metrics' AND t.id = u.tenant_id AND (@tenants::text[] IS NULL OR t.name = ANY (@tenants))
			AND NOT EXISTS (
				SELECT FROM counted_windows c
				WHERE c.revision_id = u.revision_id AND c.window_start = u.window_start)`,
		pgx.NamedArgs{"start": w.Interval.Start, "end": w.Interval.End, "tenants": w.tenants()})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO usage_aggregate AS u (
			tenant_id, revision_id, window_seconds, window_start, `+quantityColumns+`)
		SELECT tenant_id, revision_id, 300, window_start, `+quantityColumns+`
		FROM counted_windows
		ON CONFLICT (tenant_id, window_seconds, window_start, revision_id) DO UPDATE
		SET `+setQuantities+`
		WHERE (`+prefixed("u.")+`) IS DISTINCT FROM (`+prefixed("excluded.")+`)`)
	return err
}

// sumUp returns the step that sums windows of one size into the next larger,
// for every larger window that the interval touches. Hours of events are left
// to their writer; days may be of hours of both sources.
func (w Windows) sumUp(from, to invoq.WindowSize) func(context.Context, pgx.Tx) error {
	start, end := to.Floor(w.Interval.Start), to.Ceil(w.Interval.End)
	args := pgx.NamedArgs{
		"from": seconds(from), "to": seconds(to), "start": start, "end": end, "tenants": w.tenants(),
		"width": to.Duration(), "every_source": to == invoq.Window1d,
	}
	return func(ctx context.Context, tx pgx.Tx) error {
		// A larger window whose last smaller one has gone goes too.
		_, err := tx.Exec(ctx, `
			DELETE FROM usage_aggregate u
			USING tenants t
			WHERE u.window_seconds = @to AND u.window_start >= @start AND u.window_start < @end
				AND (u.source = 'metrics' OR @every_source)
				AND t.id = u.tenant_id AND (@tenants::text[] IS NULL OR t.name = ANY (@tenants))
				AND NOT EXISTS (
					SELECT FROM usage_aggregate s
					WHERE s.tenant_id = u.tenant_id AND s.revision_id = u.revision_id
						AND s.window_seconds = @from AND s.window_start >= u.window_start
						AND s.window_start < u.window_start + @width)`, args)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sumWindows, args)
		return err
	}
}

// tenants returns the names as the database takes them; nil stays nil and means
// all.
func (w Windows) tenants() []string {
	if w.Tenants == nil {
		return nil
	}
	names := make([]string, len(w.Tenants))
	for i, t := range w.Tenants {
		names[i] = string(t)
	}
	return names
}

// seconds returns the size as the database writes it.
func seconds(size invoq.WindowSize) int { return int(size.Duration() / time.Second) }
