package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// DayUsage is the usage of one revision on one calendar day.
type DayUsage struct {
	Day string // 2006-01-02 in the zone asked for
	invoq.Usage
}

// Days says which days of a tenant to sum.
type Days struct {
	Tenant invoq.TenantID
	// Zone is whose calendar cuts the interval into days.
	Zone *time.Location
	// Interval begins and ends where a day of the zone does.
	Interval invoq.Interval
}

// SumUsageByDay returns the usage of each revision on each calendar day of the
// zone within the interval, by day, namespace, service and revision.
func (db *DB) SumUsageByDay(
	ctx context.Context, s invoq.Scope, f UsageFilter, zone *time.Location,
) ([]DayUsage, error) {
	all, err := db.SumUsageByDays(ctx, s, []Days{{Tenant: f.Tenant, Zone: zone, Interval: f.Interval}})
	return all[f.Tenant], err
}

// SumUsageByDays is SumUsageByDay for many tenants at once, each with a zone
// and an interval of its own. Tenants without usage are not in the answer.
func (db *DB) SumUsageByDays(
	ctx context.Context, s invoq.Scope, asked []Days,
) (map[invoq.TenantID][]DayUsage, error) {
	all := map[invoq.TenantID][]DayUsage{}
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		ids := map[string]bool{}
		rows, _ := tx.Query(ctx, sumUsageByDays, daysArgs(asked))
		var u DayUsage // Its Revision is an id at first.
		_, err := pgx.ForEachRow(rows, []any{
			&u.TenantID, &u.Day, &u.Revision,
			&u.Invocations, &u.DurationMs, &u.MBMs, &u.CPUMs, &u.ColdStarts, &u.Errors,
			&u.GapSeconds, &u.Assumed, &u.UnmeasuredMs,
		}, func() error {
			ids[u.Revision] = true
			all[u.TenantID] = append(all[u.TenantID], u)
			return nil
		})
		if err != nil {
			return err
		}
		names, err := revisionNames(ctx, tx, ids)
		for _, days := range all {
			for i := range days {
				names[days[i].Revision].name(&days[i].Usage)
			}
			slices.SortFunc(days, func(a, b DayUsage) int {
				return cmp.Or(cmp.Compare(a.Day, b.Day), byName(a.Usage, b.Usage))
			})
		}
		return err
	})
	return all, wrap(err, "sum usage of %d tenants by day", len(asked))
}

// daysArgs turns rows into columns, as unnest wants them.
func daysArgs(asked []Days) pgx.NamedArgs {
	n := len(asked)
	tenants, zones := make([]string, n), make([]string, n)
	starts, ends := make([]time.Time, n), make([]time.Time, n)
	sizes := make([]int, n)
	for i, d := range asked {
		tenants[i], zones[i] = string(d.Tenant), d.Zone.String()
		starts[i], ends[i] = d.Interval.Start, d.Interval.End
		sizes[i] = seconds(d.window())
	}
	return pgx.NamedArgs{"tenants": tenants, "zones": zones, "starts": starts, "ends": ends, "sizes": sizes}
}

// window returns the largest size of which windows add up to days of the zone.
func (d Days) window() invoq.WindowSize {
	size := invoq.Window1d
	for at := d.Interval.Start; ; at = at.AddDate(0, 0, 1) {
		// The clocks may change within the last day, which then is no UTC day.
		last := !at.Before(d.Interval.End)
		if last {
			at = d.Interval.End
		}
		switch _, offset := at.In(d.Zone).Zone(); {
		case offset%3600 != 0:
			return invoq.Window5m
		case offset != 0:
			size = invoq.Window1h
		}
		if last {
			return size
		}
	}
}

// sumUsageByDays reads each tenant's windows by the primary key, a tenant at a
// time: a scan over everybody's windows of every size would read hundreds of
// times as many.
const sumUsageByDays = `
	SELECT q.tenant_id::text, to_char(d.day, 'YYYY-MM-DD'), d.revision_id::text, d.invocations, d.duration_ms, d.mb_ms,
		d.cpu_ms, d.cold_starts, d.errors, d.gap_seconds, d.assumed, d.unmeasured_ms
	FROM unnest(@tenants::uuid[], @zones::text[], @starts::timestamptz[], @ends::timestamptz[], @sizes::integer[])
		AS q (tenant_id, zone, start_at, end_at, size)
	CROSS JOIN LATERAL (
		SELECT u.revision_id, (u.window_start AT TIME ZONE q.zone)::date AS day,
			sum(u.invocations) AS invocations, sum(u.duration_ms) AS duration_ms, sum(u.mb_ms) AS mb_ms,
			sum(u.cpu_ms) AS cpu_ms, sum(u.cold_starts) AS cold_starts, sum(u.errors) AS errors,
			sum(u.gap_seconds) AS gap_seconds, sum(u.assumed) AS assumed,
			sum(u.unmeasured_ms) AS unmeasured_ms
		FROM usage_aggregate u
		WHERE u.tenant_id = q.tenant_id AND u.window_seconds = q.size
			AND u.window_start >= q.start_at AND u.window_start < q.end_at
		GROUP BY u.revision_id, day
	) d`
