package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// RevisionHour is what one revision used in one hour, as its windows say and as
// the book says.
type RevisionHour struct {
	RevisionID                   string
	Tenant                       invoq.TenantName
	Namespace, Service, Revision string
	Counted, Posted              invoq.Quantities
	// Postings is how many events of the hour are in the book: the first and
	// its corrections.
	Postings int
}

// windowRequest is the pattern of request ids of windows: the revision's id
// follows the prefix, then the hour.
const windowRequest = invoq.WindowPrefix + "%"

// RevisionHours returns the hour that begins at start: all revisions that have
// a window of metrics in it or stand in the book for one. Windows of events are
// in the book already.
func (db *DB) RevisionHours(ctx context.Context, start time.Time) ([]RevisionHour, error) {
	hours := map[string]*RevisionHour{}
	var order []string
	at := func(id string) *RevisionHour {
		if hours[id] == nil {
			hours[id] = &RevisionHour{RevisionID: id}
			order = append(order, id)
		}
		return hours[id]
	}
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		if err := countedHour(ctx, tx, start, at); err != nil {
			return err
		}
		return postedHour(ctx, tx, start, at)
	})
	all := make([]RevisionHour, len(order))
	for i, id := range order {
		all[i] = *hours[id]
	}
	return all, wrap(err, "read the hour of %s", start.Format(time.RFC3339))
}

// countedHour fills in what the windows of the hour say.
func countedHour(
	ctx context.Context, tx pgx.Tx, start time.Time, at func(string) *RevisionHour,
) error {
	rows, _ := tx.Query(ctx, `
		SELECT r.id::text, t.name, v.namespace, v.name, r.name, u.invocations, u.duration_ms, u.mb_ms,
			u.cpu_ms, u.cold_starts, u.errors
		FROM usage_aggregate u
		JOIN tenants t ON t.id = u.tenant_id
		JOIN revisions r ON r.id = u.revision_id
		JOIN services v ON v.id = r.service_id
		WHERE u.window_seconds = 3600 AND u.window_start = $1 AND u.source = 'metrics'
		ORDER BY t.name, v.namespace, v.name, r.name`, start)
	var h RevisionHour
	q := &h.Counted
	_, err := pgx.ForEachRow(rows, []any{
		&h.RevisionID, &h.Tenant, &h.Namespace, &h.Service, &h.Revision, &q.Invocations,
		&q.DurationMs, &q.MBMs, &q.CPUMs, &q.ColdStarts, &q.Errors,
	}, func() error {
		*at(h.RevisionID) = h
		return nil
	})
	return err
}

// postedHour fills in what the book says. It looks at the tenants one by one,
// whose entries of a moment an index finds.
func postedHour(
	ctx context.Context, tx pgx.Tx, start time.Time, at func(string) *RevisionHour,
) error {
	rows, _ := tx.Query(ctx, `
		SELECT e.request_id, t.name, e.namespace, e.service, e.revision, e.meter, e.quantity
		FROM tenants t
		JOIN ledger_entries e ON e.tenant_id = t.id
		WHERE e.event_time = $1 AND e.request_id LIKE $2
		ORDER BY e.position`, start, windowRequest)
	var request string
	var h RevisionHour
	var m invoq.Meter
	var quantity invoq.Decimal
	seen := map[string]bool{}
	_, err := pgx.ForEachRow(rows, []any{
		&request, &h.Tenant, &h.Namespace, &h.Service, &h.Revision, &m, &quantity,
	}, func() error {
		id, _, _ := strings.Cut(strings.TrimPrefix(request, invoq.WindowPrefix), ":")
		r := at(id)
		if r.Tenant == "" { // No window says any more what it was called.
			r.Tenant, r.Namespace, r.Service, r.Revision = h.Tenant, h.Namespace, h.Service, h.Revision
		}
		r.Posted.Set(m, r.Posted.Of(m).Add(quantity))
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
	// Posted is up to where hours are in the book; zero before the first.
	Posted time.Time
}

// PostingState returns how far windows have come.
func (db *DB) PostingState(ctx context.Context) (PostingState, error) {
	var counted, first, posted *time.Time
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT (SELECT until FROM aggregation),
				(SELECT min(window_start) FROM usage_aggregate
				 WHERE window_seconds = 3600 AND source = 'metrics'),
				(SELECT until FROM ledger_windows)`).Scan(&counted, &first, &posted)
	})
	utc := func(t *time.Time) time.Time {
		if t == nil {
			return time.Time{}
		}
		return t.UTC()
	}
	return PostingState{Counted: utc(counted), First: utc(first), Posted: utc(posted)},
		wrap(err, "read how far windows are posted")
}

// WindowsPosted notes up to where hours are in the book; it never goes back.
func (db *DB) WindowsPosted(ctx context.Context, until time.Time) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO ledger_windows AS w (until)
			VALUES ($1)
			ON CONFLICT (only_one) DO UPDATE
			SET until = greatest(w.until, excluded.until)`, until)
		return err
	})
	return wrap(err, "note how far windows are posted")
}
