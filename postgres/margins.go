package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// MarginBy is what entries of the book are summed by.
type MarginBy string

// What margins can be summed by; days and months are of UTC.
const (
	ByUser     MarginBy = "user"
	ByTenant   MarginBy = "tenant"
	ByService  MarginBy = "service"
	ByResource MarginBy = "resource"
	ByDay      MarginBy = "day"
	ByMonth    MarginBy = "month"
)

// marginKeys are the expressions of what is summed by: a key that tells apart
// and a name that is shown.
var marginKeys = map[MarginBy][2]string{
	ByUser:     {"e.user_id::text", "(SELECT coalesce(u.name, '') FROM ledger_users u WHERE u.id::text = g.key)"},
	ByTenant:   {"e.tenant_id::text", "(SELECT t.name FROM tenants t WHERE t.id::text = g.key)"},
	ByService:  {"concat_ws('/', nullif(e.namespace, ''), e.service)", "g.key"},
	ByResource: {"e.meter", "g.key"},
	ByDay:      {"to_char(e.event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD')", "g.key"},
	ByMonth:    {"to_char(e.event_time AT TIME ZONE 'UTC', 'YYYY-MM')", "g.key"},
}

// Validate returns an error of KindUnprocessable for what nothing is summed by.
func (b MarginBy) Validate() error {
	if _, ok := marginKeys[b]; ok {
		return nil
	}
	return invoq.Errorf(invoq.KindUnprocessable,
		"by %q is not user, tenant, service, resource, day or month", string(b))
}

// Margin is what entries of the book add up to, in one currency; usage without
// a cost and a price has none. What costs the owner in one currency and is
// billed in another counts in both: nothing converts them.
type Margin struct {
	// Key tells it apart, Name is shown; both are empty for a total.
	Key, Name string
	Total     bool
	Currency  invoq.Currency
	Entries   int64
	// Unpriced is how many entries lack a cost or a price: the sums lack what
	// they would have been.
	Unpriced int64
	// RealCost and BilledCost are exact; the margin is their difference.
	RealCost, BilledCost invoq.Decimal
}

// Margin returns what is left of the billed cost; less than 0 is a loss.
func (m Margin) Margin() invoq.Decimal { return m.BilledCost.Sub(m.RealCost) }

// MarginQuery says which entries are summed.
type MarginQuery struct {
	By       MarginBy
	Interval invoq.Interval // of when it was used
	Tenant   invoq.TenantID // empty: all in scope
	// Losing leaves out what earns at least what it costs; totals are of all.
	Losing bool
	// Limit bounds the rows beside the totals.
	Limit int
}

// Margins returns the totals, one a currency, and then the sums, those that
// lose the most first. Totals and sums are of one moment: together the sums
// are the totals.
func (db *DB) Margins(ctx context.Context, s invoq.Scope, q MarginQuery) ([]Margin, error) {
	if err := q.By.Validate(); err != nil {
		return nil, err
	}
	key := marginKeys[q.By]
	var all []Margin
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			WITH sums AS MATERIALIZED (
				SELECT `+key[0]+` AS key, e.currency, e.billed_currency, count(*) AS entries,
					count(*) FILTER (WHERE e.real_cost IS NULL OR e.billed_cost IS NULL) AS unpriced,
					coalesce(sum(e.real_cost), 0) AS real_cost,
					coalesce(sum(e.billed_cost), 0) AS billed_cost
				FROM ledger_entries e
				WHERE e.event_time >= @start AND e.event_time < @end
					AND (@tenant = '' OR e.tenant_id = nullif(@tenant, '')::uuid)
				GROUP BY 1, 2, 3
			), g AS MATERIALIZED (
				SELECT key, currency, sum(entries)::bigint AS entries, sum(unpriced)::bigint AS unpriced,
					sum(real_cost) AS real_cost, sum(billed_cost) AS billed_cost
				FROM (
					SELECT key, currency, entries, unpriced, real_cost,
						CASE billed_currency WHEN '' THEN billed_cost ELSE 0 END AS billed_cost
					FROM sums
					UNION ALL
					SELECT key, billed_currency, entries, 0, 0, billed_cost
					FROM sums
					WHERE billed_currency <> ''
				) AS by_currency
				GROUP BY 1, 2
			)
			SELECT '', '', true, currency, sum(entries)::bigint, sum(unpriced)::bigint,
				sum(real_cost), sum(billed_cost)
			FROM g
			GROUP BY currency
			UNION ALL (
				SELECT g.key, `+key[1]+`, false, currency, entries, unpriced, real_cost, billed_cost
				FROM g
				WHERE NOT @losing OR billed_cost < real_cost
				ORDER BY billed_cost - real_cost, g.key, currency
				LIMIT @limit
			)`,
			pgx.NamedArgs{
				"start": q.Interval.Start, "end": q.Interval.End, "tenant": string(q.Tenant),
				"losing": q.Losing, "limit": q.Limit,
			})
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Margin])
		return err
	})
	return all, wrap(err, "sum margins by %s over %s", q.By, q.Interval)
}
