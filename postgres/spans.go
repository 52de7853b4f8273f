package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// SumSpans returns the usage of each span, in the order of the spans: a row for
// each revision that used something, with its service's tags, by namespace,
// service and revision. It is one query, however many tenants there are: it
// reads days where they fit, then hours, then the windows at the edges.
func (db *DB) SumSpans(ctx context.Context, s invoq.Scope, spans []Span) ([][]invoq.Usage, error) {
	all := make([][]invoq.Usage, len(spans))
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		// The planner guesses that row-level security leaves a row or two, and would
		// sort hundreds to find groups of them.
		if _, err := tx.Exec(ctx, `SET LOCAL enable_sort = off`); err != nil {
			return err
		}
		ids := map[string]bool{}
		rows, _ := tx.Query(ctx, sumSpans, spanArgs(spans))
		var n int
		var u invoq.Usage // Its Revision is an id at first.
		_, err := pgx.ForEachRow(rows, []any{
			&n, &u.Revision, &u.Invocations, &u.DurationMs, &u.MBMs, &u.CPUMs, &u.ColdStarts, &u.Errors,
			&u.GapSeconds, &u.Assumed, &u.UnmeasuredMs,
		}, func() error {
			u.TenantID, u.Interval = spans[n].Tenant, spans[n].Interval
			ids[u.Revision] = true
			all[n] = append(all[n], u)
			return nil
		})
		if err != nil {
			return err
		}
		names, err := revisionNames(ctx, tx, ids)
		for _, usage := range all {
			for i := range usage {
				names[usage[i].Revision].name(&usage[i])
			}
			slices.SortFunc(usage, byName)
		}
		return err
	})
	return all, wrap(err, "sum usage of %d spans", len(spans))
}

// spanArgs turns spans into columns, as unnest wants them, each cut into whole
// days, the whole hours around them and the five-minute windows around those.
func spanArgs(spans []Span) pgx.NamedArgs {
	n := len(spans)
	tenants := make([]string, n)
	var at [6][]time.Time
	for i := range at {
		at[i] = make([]time.Time, n)
	}
	for i, s := range spans {
		tenants[i] = string(s.Tenant)
		hours := whole(invoq.Window1h, s.Interval)
		days := whole(invoq.Window1d, hours)
		for j, t := range []time.Time{
			s.Interval.Start, hours.Start, days.Start, days.End, hours.End, s.Interval.End,
		} {
			at[j][i] = t
		}
	}
	return pgx.NamedArgs{
		"tenants": tenants, "starts": at[0], "hour_starts": at[1], "day_starts": at[2],
		"day_ends": at[3], "hour_ends": at[4], "ends": at[5],
	}
}

// whole returns the part of the interval made of whole windows of a size; an
// empty one at its end when none fits.
func whole(size invoq.WindowSize, i invoq.Interval) invoq.Interval {
	w := invoq.Interval{Start: size.Ceil(i.Start), End: size.Floor(i.End)}
	if !w.Start.Before(w.End) {
		return invoq.Interval{Start: i.End, End: i.End}
	}
	return w
}

// sumSpans walks the primary key, a tenant and a size of window at a time.
const sumSpans = `
	SELECT q.n - 1, d.revision_id::text, d.invocations, d.duration_ms, d.mb_ms, d.cpu_ms, d.cold_starts,
		d.errors, d.gap_seconds, d.assumed, d.unmeasured_ms
	FROM unnest(@tenants::uuid[], @starts::timestamptz[], @hour_starts::timestamptz[],
			@day_starts::timestamptz[], @day_ends::timestamptz[], @hour_ends::timestamptz[],
			@ends::timestamptz[])
		WITH ORDINALITY AS q (tenant_id, start_at, hour_start, day_start, day_end, hour_end, end_at, n)
	CROSS JOIN LATERAL (
		SELECT u.revision_id, sum(u.invocations) AS invocations, sum(u.duration_ms) AS duration_ms,
			sum(u.mb_ms) AS mb_ms, sum(u.cpu_ms) AS cpu_ms, sum(u.cold_starts) AS cold_starts,
			sum(u.errors) AS errors, sum(u.gap_seconds) AS gap_seconds, sum(u.assumed) AS assumed,
			sum(u.unmeasured_ms) AS unmeasured_ms
		FROM (VALUES (300, q.start_at, q.hour_start), (3600, q.hour_start, q.day_start),
			(86400, q.day_start, q.day_end), (3600, q.day_end, q.hour_end), (300, q.hour_end, q.end_at)
		) AS w (size, start_at, end_at)
		JOIN usage_aggregate u ON u.tenant_id = q.tenant_id AND u.window_seconds = w.size
			AND u.window_start >= w.start_at AND u.window_start < w.end_at
		WHERE w.start_at < w.end_at
		GROUP BY u.revision_id
	) d`
