package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// WrongSums returns how many kinds of usage have stored sums that are not what
// the entries add up to which are said to be in them. It reads the whole book.
func (db *DB) WrongSums(ctx context.Context) (int64, error) {
	var n int64
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, wrongSums).Scan(&n)
	})
	return n, wrap(damaged(err), "compare stored sums with entries")
}

// wrongSums compares by month where a tenant's sums are all of one calendar.
// Where the calendar was changed nobody knows any more which entries were added
// up by which, and all months are compared as one.
const wrongSums = `
	WITH calendars AS MATERIALIZED (
		SELECT tenant_id, CASE count(DISTINCT zone) WHEN 1 THEN calendar(min(zone)) END AS zone
		FROM ledger_sums
		GROUP BY 1
	), stored AS (
		SELECT s.tenant_id, CASE WHEN c.zone IS NULL THEN '' ELSE s.month END AS month, s.namespace,
			s.service, s.revision, s.meter, s.model, s.currency, sum(s.quantity) AS quantity,
			sum(s.costed) AS costed, sum(s.real_cost) AS real_cost, sum(s.billed) AS billed,
			max(s.catalogue) AS catalogue, sum(s.entries) AS entries, min(s.first_entry) AS first_entry,
			max(s.last_entry) AS last_entry, sum(s.gap_seconds) AS gap_seconds,
			sum(s.assumed) AS assumed, sum(s.unmeasured_ms) AS unmeasured_ms
		FROM ledger_sums s
		JOIN calendars c USING (tenant_id)
		GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
	), told AS (
		SELECT e.tenant_id, coalesce(to_char(e.event_time AT TIME ZONE c.zone, 'YYYY-MM'), '') AS month,
			e.namespace, e.service, e.revision, e.meter, e.model, e.currency,` + entrySums + `
		FROM ledger_entries e
		LEFT JOIN calendars c USING (tenant_id)
		WHERE e.position < (SELECT until FROM ledger_summed)
		GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
	)
	SELECT count(*)
	FROM stored s
	FULL JOIN told t USING (tenant_id, month, namespace, service, revision, meter, model, currency)
	WHERE (s.quantity, s.costed, s.real_cost, s.billed, s.catalogue, s.entries, s.first_entry, s.last_entry,
			s.gap_seconds, s.assumed, s.unmeasured_ms)
		IS DISTINCT FROM (t.quantity, t.costed, t.real_cost, t.billed, t.catalogue, t.entries, t.first_entry,
			t.last_entry, t.gap_seconds, t.assumed, t.unmeasured_ms)`
