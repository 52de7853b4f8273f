package postgres

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// scan returns where a row of sums goes: the number of its span first.
func (u *BookUsage) scan(n *int) []any {
	return []any{
		n, &u.Namespace, &u.Service, &u.Revision, &u.Meter, &u.Model, &u.Currency, &u.Quantity,
		&u.Costed, &u.RealCost, &u.Billed, &u.Catalogue, &u.Entries, &u.First, &u.Last,
		&u.GapSeconds, &u.Assumed, &u.UnmeasuredMs,
	}
}

// stored reads the sums that are stored of whole months, and returns those of
// the spans whose sums say something else than the entries before the size do:
// they have later entries in them, or the tenant's calendar was another one.
func (b *bookReader) stored(ctx context.Context, spans []int) ([]int, error) {
	n := len(spans)
	tenants, months, zones := make([]string, n), make([]string, n), make([]string, n)
	for i, at := range spans {
		s := &b.spans[at]
		tenants[i], months[i], zones[i] = string(s.Tenant), s.Month, s.Zone
	}
	args := pgx.NamedArgs{"tenants": tenants, "months": months, "zones": zones, "spans": spans}
	rows, _ := b.tx.Query(ctx, foreignSums, args)
	stale, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, err
	}
	late := map[int]bool{}
	rows, _ = b.tx.Query(ctx, storedSums, args)
	var at int
	var u BookUsage
	_, err = pgx.ForEachRow(rows, u.scan(&at), func() error {
		b.sums[at] = append(b.sums[at], u)
		if u.Last >= b.size {
			late[at] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for at := range late {
		stale = append(stale, at)
	}
	slices.Sort(stale)
	stale = slices.Compact(stale)
	for _, at := range stale {
		b.sums[at] = nil
	}
	return stale, nil
}

// foreignSums finds the months around which sums were made by another calendar.
const foreignSums = `
	SELECT q.span
	FROM unnest(@tenants::uuid[], @months::text[], @zones::text[], @spans::integer[])
		AS q (tenant_id, month, zone, span)
	WHERE EXISTS (
		SELECT FROM ledger_sums s
		WHERE s.tenant_id = q.tenant_id AND s.zone <> q.zone
			AND s.month >= to_char(to_date(q.month, 'YYYY-MM') - 1, 'YYYY-MM')
			AND s.month <= to_char(to_date(q.month, 'YYYY-MM') + 31, 'YYYY-MM'))`

// storedSums asks for text, which is read in half the time of exact numbers'
// binary form: a run of all tenants reads millions of rows.
const storedSums = `
	SELECT q.span, s.namespace, s.service, s.revision, s.meter, s.model, s.currency, s.quantity::text,
		s.costed::text, s.real_cost::text, s.billed::text, s.catalogue, s.entries, s.first_entry, s.last_entry,
		s.gap_seconds::text, s.assumed::text, s.unmeasured_ms::text
	FROM unnest(@tenants::uuid[], @months::text[], @zones::text[], @spans::integer[])
		AS q (tenant_id, month, zone, span)
	JOIN ledger_sums s ON s.tenant_id = q.tenant_id AND s.month = q.month AND s.zone = q.zone`

// entries adds up the entries of spans at positions from a first one on.
func (b *bookReader) entries(ctx context.Context, spans []int, from int64) error {
	if from > 0 {
		return b.query(ctx, sumLateEntries, spans, from)
	}
	return b.query(ctx, sumEntries, spans, from)
}

// query runs one of the two queries for sums of entries.
func (b *bookReader) query(ctx context.Context, sql string, spans []int, from int64) error {
	n := len(spans)
	tenants := make([]string, n)
	starts, ends := make([]time.Time, n), make([]time.Time, n)
	for i, at := range spans {
		s := &b.spans[at]
		tenants[i], starts[i], ends[i] = string(s.Tenant), s.Interval.Start, s.Interval.End
	}
	rows, _ := b.tx.Query(ctx, sql, pgx.NamedArgs{
		"tenants": tenants, "starts": starts, "ends": ends, "spans": spans, "from": from, "size": b.size,
	})
	var at int
	var u BookUsage
	_, err := pgx.ForEachRow(rows, u.scan(&at), func() error {
		b.sums[at] = append(b.sums[at], u)
		return nil
	})
	return err
}

// entrySums are what entries add up to, in the order of BookUsage.scan.
const entrySums = `
	sum(e.quantity) AS quantity, sum(CASE WHEN e.real_cost IS NULL THEN 0 ELSE e.quantity END) AS costed,
	coalesce(sum(e.real_cost), 0) AS real_cost, coalesce(sum(e.billed_cost), 0) AS billed,
	max(e.catalogue) AS catalogue, count(*) AS entries, min(e.position) AS first_entry,
	max(e.position) AS last_entry, sum(quality(e.request_id, e.meter, e.labels, 'gap_seconds')) AS gap_seconds,
	sum(quality(e.request_id, e.meter, e.labels, 'assumed')) AS assumed,
	sum(quality(e.request_id, e.meter, e.labels, 'unmeasured_ms')) AS unmeasured_ms`

// sumEntries walks each tenant's entries by the time of their usage.
const sumEntries = `
	SELECT q.span, d.*
	FROM unnest(@tenants::uuid[], @starts::timestamptz[], @ends::timestamptz[], @spans::integer[])
		AS q (tenant_id, start_at, end_at, span)
	CROSS JOIN LATERAL (
		SELECT e.namespace, e.service, e.revision, e.meter, e.model, e.currency,` + entrySums + `
		FROM ledger_entries e
		WHERE e.tenant_id = q.tenant_id AND e.event_time >= q.start_at AND e.event_time < q.end_at
			AND e.position >= @from AND e.position < @size
		GROUP BY 1, 2, 3, 4, 5, 6
	) d`

// sumLateEntries walks the end of the book once, whosever entries those are.
const sumLateEntries = `
	SELECT q.span, e.namespace, e.service, e.revision, e.meter, e.model, e.currency,` + entrySums + `
	FROM ledger_entries e
	JOIN unnest(@tenants::uuid[], @starts::timestamptz[], @ends::timestamptz[], @spans::integer[])
		AS q (tenant_id, start_at, end_at, span)
		ON e.tenant_id = q.tenant_id AND e.event_time >= q.start_at AND e.event_time < q.end_at
	WHERE e.position >= @from AND e.position < @size
	GROUP BY 1, 2, 3, 4, 5, 6, 7`

// merged sorts sums and adds up those of one kind.
func merged(all []BookUsage) []BookUsage {
	slices.SortFunc(all, compareBookUsage)
	out := all[:0]
	for i := range all {
		if n := len(out) - 1; n >= 0 && compareBookUsage(out[n], all[i]) == 0 {
			out[n].add(&all[i])
			continue
		}
		out = append(out, all[i])
	}
	return out
}

func compareBookUsage(a, b BookUsage) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service),
		cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Meter, b.Meter),
		cmp.Compare(a.Model, b.Model), cmp.Compare(a.Currency, b.Currency))
}

func (u *BookUsage) add(o *BookUsage) {
	u.Quantity, u.Costed = u.Quantity.Add(o.Quantity), u.Costed.Add(o.Costed)
	u.RealCost, u.Billed = u.RealCost.Add(o.RealCost), u.Billed.Add(o.Billed)
	u.GapSeconds, u.Assumed = u.GapSeconds.Add(o.GapSeconds), u.Assumed.Add(o.Assumed)
	u.UnmeasuredMs = u.UnmeasuredMs.Add(o.UnmeasuredMs)
	u.Catalogue, u.Entries = max(u.Catalogue, o.Catalogue), u.Entries+o.Entries
	u.First, u.Last = min(u.First, o.First), max(u.Last, o.Last)
}

// without returns the sorted numbers that are not among some sorted others.
func without(all, some []int) []int {
	var left []int
	for _, n := range all {
		if _, found := slices.BinarySearch(some, n); !found {
			left = append(left, n)
		}
	}
	return left
}

// hashText writes a hash as signed heads do.
func hashText(hash []byte) string { return base64.StdEncoding.EncodeToString(hash) }

// SumMonths adds the entries that no stored sum has yet to the sums of their
// months, in the calendars of their tenants. It returns when none is left.
func (db *DB) SumMonths(ctx context.Context) error {
	for {
		var more bool
		err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
			var until, size int64
			err := tx.QueryRow(ctx, `SELECT until FROM ledger_summed FOR UPDATE`).Scan(&until)
			if err != nil {
				return err
			}
			if size, _, err = tail(ctx, tx); err != nil || until >= size {
				return err
			}
			to := min(until+sumAtOnce, size)
			more = to < size
			if _, err := tx.Exec(ctx, addSums, pgx.NamedArgs{"from": until, "to": to}); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `UPDATE ledger_summed SET until = $1`, to)
			return err
		})
		if err != nil || !more {
			return wrap(err, "sum new entries of the book")
		}
	}
}

// sumAtOnce is how many entries one transaction adds to the stored sums.
const sumAtOnce = 500_000

const addSums = `
	WITH calendars AS MATERIALIZED (
		SELECT timezone, calendar(timezone) AS zone
		FROM (SELECT DISTINCT timezone FROM tenants) AS t
	)
	INSERT INTO ledger_sums AS s (
		tenant_id, month, zone, namespace, service, revision, meter, model, currency, quantity, costed,
		real_cost, billed, catalogue, entries, first_entry, last_entry, gap_seconds, assumed, unmeasured_ms)
	SELECT e.tenant_id, to_char(e.event_time AT TIME ZONE c.zone, 'YYYY-MM'), c.zone, e.namespace,
		e.service, e.revision, e.meter, e.model, e.currency,` + entrySums + `
	FROM ledger_entries e
	JOIN tenants t ON t.id = e.tenant_id
	JOIN calendars c ON c.timezone = t.timezone
	WHERE e.position >= @from AND e.position < @to
	GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
	ON CONFLICT (tenant_id, month, zone, namespace, service, revision, meter, model, currency) DO UPDATE
	SET quantity = s.quantity + excluded.quantity, costed = s.costed + excluded.costed,
		real_cost = s.real_cost + excluded.real_cost, billed = s.billed + excluded.billed,
		catalogue = greatest(s.catalogue, excluded.catalogue), entries = s.entries + excluded.entries,
		last_entry = excluded.last_entry, gap_seconds = s.gap_seconds + excluded.gap_seconds,
		assumed = s.assumed + excluded.assumed, unmeasured_ms = s.unmeasured_ms + excluded.unmeasured_ms`
