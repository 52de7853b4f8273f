package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// RevisionSlot is what one revision used in one stretch of time, as its windows
// say and as the book says. The figures of uncertainty are among both.
type RevisionSlot struct {
	RevisionID      string
	Counted, Posted invoq.Usage // of the tenant, namespace, service and revision
	// First is the request id of the slot's first event in the book, Postings how
	// many there are with its corrections.
	First    string
	Postings int
}

// Slots says which slots to read.
type Slots struct {
	// Interval is of whole five-minute windows, within one hour.
	Interval invoq.Interval
	// Only are the tenants whose slots these are; nil: all but those in Except.
	Only, Except []invoq.TenantID
}

// windowRequest is the pattern of request ids of windows: the revision's id
// follows the prefix, then the slot's start.
const windowRequest = invoq.WindowPrefix + "%"

// RevisionSlots returns a slot of all revisions that have a window of metrics in
// it or stand in the book for one. Windows of events are in the book already.
func (db *DB) RevisionSlots(ctx context.Context, asked Slots) ([]RevisionSlot, error) {
	slots := map[string]*RevisionSlot{}
	var order []string
	at := func(id string) *RevisionSlot {
		if slots[id] == nil {
			slots[id] = &RevisionSlot{RevisionID: id}
			order = append(order, id)
		}
		return slots[id]
	}
	size := invoq.Window5m
	if asked.Interval.Duration() == time.Hour {
		size = invoq.Window1h
	}
	args := pgx.NamedArgs{
		"start": asked.Interval.Start, "end": asked.Interval.End, "size": seconds(size),
		"request": windowRequest, "all": asked.Only == nil, "only": texts(asked.Only),
		"except": texts(asked.Except),
	}
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		if err := countedSlots(ctx, tx, args, at); err != nil {
			return err
		}
		return postedSlots(ctx, tx, args, at)
	})
	all := make([]RevisionSlot, len(order))
	for i, id := range order {
		all[i] = *slots[id]
	}
	return all, wrap(err, "read the usage of %s", asked.Interval)
}

// UsedHours returns the starts of the hours within the interval of which
// windows or the book say something, ascending.
func (db *DB) UsedHours(ctx context.Context, in invoq.Interval) ([]time.Time, error) {
	var all []time.Time
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT DISTINCT h.at
			FROM tenants t
			CROSS JOIN LATERAL (
				SELECT u.window_start AS at
				FROM usage_aggregate u
				WHERE u.tenant_id = t.id AND u.window_seconds = 3600 AND u.window_start >= $1 AND u.window_start < $2
					AND u.source = 'metrics'
				UNION
				SELECT date_bin('1 hour', e.event_time, 'epoch')
				FROM ledger_entries e
				WHERE e.tenant_id = t.id AND e.event_time >= $1 AND e.event_time < $2 AND e.request_id LIKE $3
			) AS h
			ORDER BY h.at`, in.Start, in.End, windowRequest)
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowTo[time.Time])
		return err
	})
	for i := range all {
		all[i] = all[i].UTC()
	}
	return all, wrap(err, "find used hours in %s", in)
}

// countedSlots fills in what the windows say.
func countedSlots(
	ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, at func(string) *RevisionSlot,
) error {
	rows, _ := tx.Query(ctx, `
		SELECT r.id::text, t.name, v.namespace, v.name, r.name, sum(u.invocations), sum(u.duration_ms),
			sum(u.mb_ms), sum(u.cpu_ms), sum(u.cold_starts), sum(u.errors), sum(u.gap_seconds),
			sum(u.assumed), sum(u.unmeasured_ms)
		FROM usage_aggregate u
		JOIN tenants t ON t.id = u.tenant_id
		JOIN revisions r ON r.id = u.revision_id
		JOIN services v ON v.id = r.service_id
		WHERE u.window_seconds = @size AND u.window_start >= @start AND u.window_start < @end
			AND u.source = 'metrics'
			AND (@all OR u.tenant_id = ANY (@only::uuid[])) AND u.tenant_id <> ALL (@except::uuid[])
		GROUP BY r.id, t.name, v.namespace, v.name, r.name
		ORDER BY t.name, v.namespace, v.name, r.name`, args)
	var id string
	var u invoq.Usage
	_, err := pgx.ForEachRow(rows, []any{
		&id, &u.Tenant, &u.Namespace, &u.Service, &u.Revision, &u.Invocations, &u.DurationMs, &u.MBMs,
		&u.CPUMs, &u.ColdStarts, &u.Errors, &u.GapSeconds, &u.Assumed, &u.UnmeasuredMs,
	}, func() error {
		at(id).Counted = u
		return nil
	})
	return err
}

// postedSlots fills in what the book says. It looks at the tenants one by one,
// whose entries of a moment an index finds.
func postedSlots(
	ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, at func(string) *RevisionSlot,
) error {
	rows, _ := tx.Query(ctx, `
		SELECT e.request_id, t.name, e.namespace, e.service, e.revision, e.meter, e.quantity,
			quality(e.request_id, e.meter, e.labels, 'gap_seconds'),
			quality(e.request_id, e.meter, e.labels, 'assumed'),
			quality(e.request_id, e.meter, e.labels, 'unmeasured_ms')
		FROM tenants t
		JOIN ledger_entries e ON e.tenant_id = t.id
		WHERE e.event_time >= @start AND e.event_time < @end AND e.request_id LIKE @request
			AND (@all OR t.id = ANY (@only::uuid[])) AND t.id <> ALL (@except::uuid[])
		ORDER BY e.position`, args)
	var request string
	var u invoq.Usage
	var m invoq.Meter
	var quantity invoq.Decimal
	seen := map[string]bool{}
	_, err := pgx.ForEachRow(rows, []any{
		&request, &u.Tenant, &u.Namespace, &u.Service, &u.Revision, &m, &quantity, &u.GapSeconds,
		&u.Assumed, &u.UnmeasuredMs,
	}, func() error {
		id, _, _ := strings.Cut(strings.TrimPrefix(request, invoq.WindowPrefix), ":")
		r := at(id)
		if r.First == "" {
			r.First = request
			p := &r.Posted
			p.Tenant, p.Namespace, p.Service, p.Revision = u.Tenant, u.Namespace, u.Service, u.Revision
		}
		r.Posted.Set(m, r.Posted.Of(m).Add(quantity))
		r.Posted.GapSeconds = r.Posted.GapSeconds.Add(u.GapSeconds)
		r.Posted.Assumed = r.Posted.Assumed.Add(u.Assumed)
		r.Posted.UnmeasuredMs = r.Posted.UnmeasuredMs.Add(u.UnmeasuredMs)
		if !seen[request] {
			seen[request] = true
			r.Postings++
		}
		return nil
	})
	return err
}

// PostingState is how far windows have come on their way into the book.
type PostingState struct {
	// Counted is how far usage has been aggregated, First the start of the
	// first window of metrics there is; both are zero before the first.
	Counted, First time.Time
	// Posted is up to where hours are in the book, and Compared how far usage had
	// been counted when they were last compared with it; both are zero before the
	// first.
	Posted, Compared time.Time
	// Recounted is from where on hours that are in the book were counted again
	// since; zero for none. Recounts tells one such count from the next.
	Recounted time.Time
	Recounts  int64
}

// Closed returns up to where all usage is in the book for good, given how late
// samples may be.
func (s PostingState) Closed(lateness time.Duration) time.Time {
	if final := s.Compared.Add(-lateness); final.Before(s.Posted) {
		return final
	}
	return s.Posted
}

// PostingState returns how far windows have come.
func (db *DB) PostingState(ctx context.Context) (PostingState, error) {
	var counted, first, posted, compared, recounted *time.Time
	var recounts int64
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT (SELECT until FROM aggregation),
				(SELECT min(window_start) FROM usage_aggregate
				 WHERE window_seconds = 3600 AND source = 'metrics'),
				w.until, w.counted, w.recounted, coalesce(w.recounts, 0)
			FROM (VALUES (true)) AS one (only_one)
			LEFT JOIN ledger_windows w USING (only_one)`).Scan(
			&counted, &first, &posted, &compared, &recounted, &recounts)
	})
	utc := func(t *time.Time) time.Time {
		if t == nil {
			return time.Time{}
		}
		return t.UTC()
	}
	return PostingState{
			Counted: utc(counted), First: utc(first), Posted: utc(posted), Compared: utc(compared),
			Recounted: utc(recounted), Recounts: recounts,
		},
		wrap(err, "read how far windows are posted")
}

// WindowsPosted notes up to where hours are in the book, given the state in which
// they were compared with it; neither goes back. Hours that were counted again
// meanwhile are left to the next comparison.
func (db *DB) WindowsPosted(ctx context.Context, until time.Time, compared PostingState) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO ledger_windows AS w (until, counted)
			VALUES ($1, $2)
			ON CONFLICT (only_one) DO UPDATE
			SET until = greatest(w.until, excluded.until),
				counted = greatest(w.counted, excluded.counted),
				recounted = CASE WHEN w.recounts = $3 THEN NULL ELSE w.recounted END`,
			until, compared.Counted, compared.Recounts)
		return err
	})
	return wrap(err, "note how far windows are posted")
}
