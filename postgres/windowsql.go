package postgres

import "strings"

// quantities are the columns of usage_aggregate that say what was used.
var quantities = []string{
	"invocations", "duration_ms", "mb_ms", "cpu_ms", "cold_starts", "errors", "latency_upper_ms",
	"latency_counts", "max_memory_mb", "gap_seconds", "assumed", "unmeasured_ms",
}

var (
	quantityColumns = prefixed("")
	setQuantities   = func() string {
		var set []string
		for _, q := range quantities {
			set = append(set, q+" = excluded."+q)
		}
		return strings.Join(set, ", ")
	}()
)

// prefixed lists the quantity columns, each behind the prefix.
func prefixed(prefix string) string {
	return prefix + strings.Join(quantities, ", "+prefix)
}

// sumWindows sums windows of @from seconds into those of @to. Latency buckets
// add up bound by bound.
var sumWindows = `
	WITH small AS (
		SELECT u.*, date_bin(@width, u.window_start, 'epoch') AS large_start
		FROM usage_aggregate u
		JOIN tenants t ON t.id = u.tenant_id
		WHERE u.window_seconds = @from AND u.window_start >= @start AND u.window_start < @end
			AND (u.source = 'metrics' OR @every_source)
			AND (@tenants::text[] IS NULL OR t.name = ANY (@tenants))
	), buckets AS (
		SELECT revision_id, large_start, upper_ms, sum(n)::bigint AS n
		FROM small, unnest(latency_upper_ms, latency_counts) AS b (upper_ms, n)
		GROUP BY revision_id, large_start, upper_ms
	), latency AS (
		SELECT revision_id, large_start,
			array_agg(upper_ms ORDER BY upper_ms) AS latency_upper_ms,
			array_agg(n ORDER BY upper_ms) AS latency_counts
		FROM buckets
		GROUP BY revision_id, large_start
	), sums AS (
		SELECT tenant_id, revision_id, large_start,
			sum(invocations) AS invocations, sum(duration_ms) AS duration_ms, sum(mb_ms) AS mb_ms,
			sum(cpu_ms) AS cpu_ms, sum(cold_starts) AS cold_starts, sum(errors) AS errors,
			max(max_memory_mb) AS max_memory_mb, sum(gap_seconds) AS gap_seconds,
			sum(assumed) AS assumed, sum(unmeasured_ms) AS unmeasured_ms
		FROM small
		GROUP BY tenant_id, revision_id, large_start
	)
	INSERT INTO usage_aggregate AS u (
		tenant_id, revision_id, window_seconds, window_start, ` + quantityColumns + `)
	SELECT s.tenant_id, s.revision_id, @to, s.large_start, s.invocations, s.duration_ms, s.mb_ms,
		s.cpu_ms, s.cold_starts, s.errors, coalesce(l.latency_upper_ms, '{}'),
		coalesce(l.latency_counts, '{}'), s.max_memory_mb, s.gap_seconds, s.assumed, s.unmeasured_ms
	FROM sums s
	LEFT JOIN latency l USING (revision_id, large_start)
	ON CONFLICT (tenant_id, window_seconds, window_start, revision_id) DO UPDATE
	SET ` + setQuantities + `
	WHERE (` + prefixed("u.") + `) IS DISTINCT FROM (` + prefixed("excluded.") + `)`
