package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/ledger"
)

// marginKey is how entries are summed by something.
type marginKey struct {
	// group is the expression of the entry e that tells apart, key its text in
	// the sum g: text is made once a sum and not once an entry.
	group, key string
	// name is what is shown, tenant the id and tenantName the name of whose user
	// it is.
	name, tenant, tenantName string
}

// userOf reads the user that a sum is of.
const userOf = " FROM ledger_users u JOIN tenants t ON t.id = u.tenant_id WHERE u.id = g.key)"

// What days and months are called.
const (
	dayOf   = "to_char(g.key, 'YYYY-MM-DD')"
	monthIs = "to_char(g.key, 'YYYY-MM')"
)

// marginKeys are the keys of all that is summed by.
var marginKeys = map[ledger.MarginBy]marginKey{
	ledger.ByUser: {
		"e.user_id", "g.key::text", "(SELECT coalesce(u.name, '')" + userOf,
		"(SELECT t.id::text" + userOf, "(SELECT t.name" + userOf,
	},
	ledger.ByTenant: {
		"e.tenant_id", "g.key::text", "(SELECT t.name FROM tenants t WHERE t.id = g.key)", "''", "''",
	},
	ledger.ByService: {
		"concat_ws('/', nullif(e.namespace, ''), e.service)", "g.key", "g.key", "''", "''",
	},
	ledger.ByResource: {"e.meter", "g.key", "g.key", "''", "''"},
	ledger.ByDay:      {"(e.event_time AT TIME ZONE 'UTC')::date", dayOf, dayOf, "''", "''"},
	ledger.ByMonth: {
		"date_trunc('month', e.event_time AT TIME ZONE 'UTC')", monthIs, monthIs, "''", "''",
	},
}

// Margins returns the totals, one a currency and in their order, and then the
// sums, those that lose the most first. Totals and sums are of one moment: together the sums
// are the totals.
func (db *DB) Margins(
	ctx context.Context, s invoq.Scope, q ledger.MarginQuery,
) ([]ledger.Margin, error) {
	all, err := db.MarginsTogether(ctx, s, q)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// MarginsTogether answers several queries as of one moment, so that what is
// shown on one page adds up.
func (db *DB) MarginsTogether(
	ctx context.Context, s invoq.Scope, queries ...ledger.MarginQuery,
) ([][]ledger.Margin, error) {
	for _, q := range queries {
		if err := q.By.Validate(); err != nil {
			return nil, err
		}
	}
	all := make([][]ledger.Margin, len(queries))
	err := db.atOneMoment(ctx, s, func(tx pgx.Tx) error {
		for i, q := range queries {
			var err error
			if all[i], err = margins(ctx, tx, q); err != nil {
				return wrap(err, "sum margins by %s over %s", q.By, q.Interval)
			}
		}
		return nil
	})
	return all, err
}

func margins(ctx context.Context, tx pgx.Tx, q ledger.MarginQuery) ([]ledger.Margin, error) {
	by := marginKeys[q.By]
	rows, _ := tx.Query(ctx, `
		WITH sums AS MATERIALIZED (
			SELECT `+by.group+` AS key, e.currency, e.billed_currency, count(*) AS entries,
				count(*) FILTER (WHERE e.real_cost IS NULL OR e.billed_cost IS NULL) AS unpriced,
				coalesce(sum(e.real_cost), 0) AS real_cost,
				coalesce(sum(e.billed_cost), 0) AS billed_cost, max(e.event_time) AS last_use
			FROM ledger_entries e
			WHERE e.event_time >= @start AND e.event_time < @end
				AND (@tenant = '' OR e.tenant_id = nullif(@tenant, '')::uuid)
				AND (@user = '' OR e.user_id = nullif(@user, '')::uuid)
			GROUP BY 1, 2, 3
		), g AS MATERIALIZED (
			SELECT key, currency, sum(entries)::bigint AS entries, sum(unpriced)::bigint AS unpriced,
				sum(real_cost) AS real_cost, sum(billed_cost) AS billed_cost, max(last_use) AS last_use
			FROM (
				SELECT key, currency, entries, unpriced, real_cost,
					CASE billed_currency WHEN '' THEN billed_cost ELSE 0 END AS billed_cost, last_use
				FROM sums
				UNION ALL
				SELECT key, billed_currency, entries, 0, 0, billed_cost, last_use
				FROM sums
				WHERE billed_currency <> ''
			) AS by_currency
			GROUP BY 1, 2
		)
		(
			SELECT '', '', '', '', true, currency, sum(entries)::bigint, sum(unpriced)::bigint,
				sum(real_cost), sum(billed_cost), max(last_use), count(*),
				count(*) FILTER (WHERE billed_cost < real_cost)
			FROM g
			GROUP BY currency
			ORDER BY currency
		) UNION ALL (
			SELECT `+by.key+`, `+by.name+`, `+by.tenant+`, `+by.tenantName+`, false, currency, entries, unpriced,
				real_cost, billed_cost, last_use, 0, 0
			FROM g
			WHERE (NOT @losing OR billed_cost < real_cost)
				AND (@search = '' OR strpos(lower(`+by.name+`), @search) > 0)
			ORDER BY CASE WHEN @billed THEN -billed_cost ELSE billed_cost - real_cost END, g.key, currency
			LIMIT @limit OFFSET @skip
		)`,
		pgx.NamedArgs{
			"start": q.Interval.Start, "end": q.Interval.End, "tenant": string(q.Tenant),
			"user": string(q.User), "losing": q.Losing, "search": strings.ToLower(q.Search),
			"billed": q.ByBilled, "limit": q.Limit, "skip": q.Skip,
		})
	return pgx.CollectRows(rows, pgx.RowToStructByPos[ledger.Margin])
}

// Consumption sums up what was consumed of each thing, what costs the most
// first.
func (db *DB) Consumption(
	ctx context.Context, s invoq.Scope, q ledger.ConsumptionQuery,
) ([]ledger.Consumption, error) {
	var all []ledger.Consumption
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			WITH sums AS MATERIALIZED (
				SELECT meter, provider, namespace, service, model, currency, billed_currency,
					sum(quantity) AS quantity, count(*) AS entries,
					count(*) FILTER (WHERE real_cost IS NULL) AS costless,
					count(*) FILTER (WHERE billed_cost IS NULL) AS priceless,
					coalesce(sum(real_cost), 0) AS real_cost, coalesce(sum(billed_cost), 0) AS billed_cost
				FROM ledger_entries
				WHERE event_time >= @start AND event_time < @end
					AND (@tenant = '' OR tenant_id = nullif(@tenant, '')::uuid)
					AND (@user = '' OR user_id = nullif(@user, '')::uuid)
					AND (NOT @unpriced OR real_cost IS NULL OR billed_cost IS NULL)
				GROUP BY 1, 2, 3, 4, 5, 6, 7
			)
			SELECT meter, provider, namespace, service, model, currency, sum(quantity), sum(entries)::bigint,
				sum(costless)::bigint, sum(priceless)::bigint, sum(real_cost), sum(billed_cost)
			FROM (
				SELECT meter, provider, namespace, service, model, currency, quantity, entries, costless, priceless,
					real_cost, CASE billed_currency WHEN '' THEN billed_cost ELSE 0 END AS billed_cost
				FROM sums
				UNION ALL
				SELECT meter, provider, namespace, service, model, billed_currency, 0, 0, 0, 0, 0, billed_cost
				FROM sums
				WHERE billed_currency <> ''
			) AS by_currency
			GROUP BY meter, provider, namespace, service, model, currency
			ORDER BY sum(billed_cost) DESC, meter, provider, namespace, service, model, currency
			LIMIT @limit`,
			pgx.NamedArgs{
				"start": q.Interval.Start, "end": q.Interval.End, "tenant": string(q.Tenant),
				"user": string(q.User), "unpriced": q.Unpriced, "limit": q.Limit,
			})
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ledger.Consumption])
		return err
	})
	return all, wrap(err, "sum consumption over %s", q.Interval)
}

// BookMonths returns the months that the book has entries of a tenant of, or of
// anybody where it is empty, as 2006-01, the latest first: each has a partition.
func (db *DB) BookMonths(ctx context.Context, s invoq.Scope, tenant invoq.TenantID) ([]string, error) {
	var all []string
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT to_char(m, 'YYYY-MM')
			FROM pg_inherits i
			JOIN pg_class c ON c.oid = i.inhrelid
			CROSS JOIN LATERAL CAST(to_date(right(c.relname, 6), 'YYYYMM') AS timestamp) AS t (m)
			WHERE i.inhparent = 'ledger_entries'::regclass AND ($1 = '' OR EXISTS (
				SELECT
				FROM ledger_entries e
				WHERE e.tenant_id = nullif($1, '')::uuid
					AND e.event_time >= m AT TIME ZONE 'UTC'
					AND e.event_time < (m + interval '1 month') AT TIME ZONE 'UTC'))
			ORDER BY 1 DESC`, string(tenant))
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return all, wrap(err, "list the book's months")
}

// BookUser is a user as the book knows it.
type BookUser struct {
	ID       ledger.UserID
	TenantID invoq.TenantID
	Tenant   invoq.TenantName
	Name     string    // empty: erased
	LastUse  time.Time // zero: never
}

// FindBookUser returns a user of a tenant, each by its id or its name, or
// KindNotFound.
func (db *DB) FindBookUser(ctx context.Context, s invoq.Scope, tenant, user string) (BookUser, error) {
	var u BookUser
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var last *time.Time
		err := tx.QueryRow(ctx, `
			SELECT u.id::text, t.id::text, t.name, coalesce(u.name, ''), (
				SELECT max(e.event_time)
				FROM ledger_entries e
				WHERE e.tenant_id = u.tenant_id AND e.user_id = u.id)
			FROM ledger_users u
			JOIN tenants t ON t.id = u.tenant_id
			WHERE (t.id::text = lower($1) OR t.name = $1) AND (u.id::text = lower($2) OR u.name = $2)
			ORDER BY u.id::text = lower($2) DESC
			LIMIT 1`, tenant, user).Scan(&u.ID, &u.TenantID, &u.Tenant, &u.Name, &last)
		u.LastUse = orZero(last)
		return err
	})
	if invoq.KindOf(err) == invoq.KindNotFound {
		return u, invoq.Errorf(invoq.KindNotFound, "no user %q of tenant %q", user, tenant)
	}
	return u, wrap(err, "find user %q", user)
}
