package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// Tx is a transaction of ours that others take part in, such as the job queue.
type Tx = pgx.Tx

// BillRun is the making of all tenants' bills of a month.
type BillRun struct {
	ID    string // a UUID
	Month string // 2006-01, in each tenant's zone
	// Finalize: the drafts become final bills, in the order of tenants' ids.
	Finalize bool
	// Tenants are how many there were when the run was asked for.
	Tenants int
	// Size is that of the book up to which all bills of the run are computed: as
	// it was when the run was asked for.
	Size int64
	// Posted and Compared are how far usage was in that book, as in PostingState;
	// zero for a run that another version of Invoq has begun.
	Posted, Compared time.Time
	CreatedAt        time.Time
	CreatedBy        string
	// FinishedAt is zero while the run goes on.
	FinishedAt time.Time
	// Drafted, Final, Kept and Parked count the tenants that are done: with a
	// draft, with a final bill, with one that was issued before, with none.
	Drafted, Final, Kept, Parked int
}

// Done returns how many tenants are done.
func (r BillRun) Done() int { return r.Drafted + r.Final + r.Kept + r.Parked }

// RunResult is what a run has made for a tenant: a draft, or the reason why
// there is none.
type RunResult struct {
	Tenant  invoq.TenantID
	Bill    invoq.Bill // only if Problem is empty
	Problem string
}

// Closed returns up to where all usage is on the run's bills for good, given how
// late samples may be. What was posted since is not in its book.
func (r BillRun) Closed(lateness time.Duration) time.Time {
	return PostingState{Posted: r.Posted, Compared: r.Compared}.Closed(lateness)
}

// ParkedTenant is a tenant whose bill a run has not made.
type ParkedTenant struct {
	TenantID invoq.TenantID
	Tenant   invoq.TenantName
	Problem  string
}

const runColumns = `
	r.id::text, r.month, r.finalize, r.tenants, r.head_size, r.posted, r.compared, r.created_at, r.created_by,
	r.finished_at, n.drafted, n.final, n.kept, n.parked`

// runCounts counts what is done of the run r.
const runCounts = `
	CROSS JOIN LATERAL (
		SELECT count(*) FILTER (WHERE state = 'drafted') AS drafted,
			count(*) FILTER (WHERE state = 'final') AS final,
			count(*) FILTER (WHERE state = 'kept') AS kept,
			count(*) FILTER (WHERE state = 'parked') AS parked
		FROM bill_run_tenants t
		WHERE t.run_id = r.id
	) n`

// scanRun reads a row of runColumns.
func scanRun(row pgx.CollectableRow) (BillRun, error) {
	var r BillRun
	var finished, posted, compared *time.Time
	err := row.Scan(&r.ID, &r.Month, &r.Finalize, &r.Tenants, &r.Size, &posted, &compared, &r.CreatedAt,
		&r.CreatedBy, &finished, &r.Drafted, &r.Final, &r.Kept, &r.Parked)
	r.Posted, r.Compared = orZero(posted), orZero(compared)
	r.CreatedAt, r.FinishedAt = r.CreatedAt.UTC(), orZero(finished)
	return r, err
}

// CreateBillRun records that a run was asked for, and does what goes with it in
// the same transaction. If a run of the month goes on already, that one is
// returned and nothing is done; KindConflict if it is to end otherwise.
func (db *DB) CreateBillRun(
	ctx context.Context, r BillRun, also func(Tx, BillRun) error,
) (BillRun, error) {
	var run BillRun
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		for {
			var err error
			if run, err = startRun(ctx, tx, r); err == nil {
				return also(tx, run)
			}
			if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			run, err = unfinishedRun(ctx, tx, r.Month)
			if errors.Is(err, pgx.ErrNoRows) {
				continue // It has ended between the two.
			}
			if err == nil && run.Finalize != r.Finalize {
				return invoq.Errorf(invoq.KindConflict, "another run of %s goes on: %s", run.Month, run.ID)
			}
			return err
		}
	})
	return run, wrap(err, "create bill run of %s", r.Month)
}

// startRun stores a run, unless one of the month goes on: then there is no row.
func startRun(ctx context.Context, tx pgx.Tx, r BillRun) (BillRun, error) {
	// Before the size: the book has no less than what was noted of it.
	var posted, compared *time.Time
	err := tx.QueryRow(ctx, `
		SELECT w.until, w.counted
		FROM (VALUES (true)) AS one (only_one)
		LEFT JOIN ledger_windows w USING (only_one)`).Scan(&posted, &compared)
	if err != nil {
		return BillRun{}, err
	}
	size, _, err := tail(ctx, tx)
	if err != nil {
		return BillRun{}, err
	}
	rows, _ := tx.Query(ctx, `
		WITH r AS (
			INSERT INTO bill_runs (id, month, finalize, tenants, head_size, posted, compared, created_by)
			SELECT @id, @month, @finalize, count(*), @size, @posted, @compared, @by
			FROM tenants
			ON CONFLICT (month) WHERE finished_at IS NULL DO NOTHING
			RETURNING *
		)
		SELECT `+runColumns+`
		FROM r`+runCounts, pgx.NamedArgs{
		"id": newID(), "month": r.Month, "finalize": r.Finalize, "size": size, "by": r.CreatedBy,
		"posted": posted, "compared": compared,
	})
	return pgx.CollectExactlyOneRow(rows, scanRun)
}

// unfinishedRun returns the run of the month that goes on, if there is one.
func unfinishedRun(ctx context.Context, tx pgx.Tx, month string) (BillRun, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+runColumns+`
		FROM bill_runs r`+runCounts+`
		WHERE r.month = $1 AND r.finished_at IS NULL`, month)
	return pgx.CollectExactlyOneRow(rows, scanRun)
}

// FindBillRun returns a run.
func (db *DB) FindBillRun(ctx context.Context, s invoq.Scope, id string) (BillRun, error) {
	all, err := db.billRuns(ctx, s, "WHERE r.id::text = lower($1)", id)
	if err == nil && len(all) == 0 {
		return BillRun{}, invoq.Errorf(invoq.KindNotFound, "no bill run %q", id)
	}
	if err != nil {
		return BillRun{}, err
	}
	return all[0], nil
}

// ListBillRuns returns the runs, the newest first; Page.After is the last id
// seen.
func (db *DB) ListBillRuns(ctx context.Context, s invoq.Scope, p invoq.Page) ([]BillRun, error) {
	return db.billRuns(ctx, s, `
		WHERE $1 = '' OR r.id < nullif($1, '')::uuid
		ORDER BY r.id DESC
		LIMIT $2`, p.After, p.Limit)
}

// UnfinishedBillRuns returns the ids of the runs that go on, the oldest first.
func (db *DB) UnfinishedBillRuns(ctx context.Context) ([]string, error) {
	all, err := db.billRuns(ctx, invoq.Everyone(), "WHERE r.finished_at IS NULL ORDER BY r.id")
	ids := make([]string, len(all))
	for i, r := range all {
		ids[i] = r.ID
	}
	return ids, err
}

func (db *DB) billRuns(ctx context.Context, s invoq.Scope, where string, args ...any) ([]BillRun, error) {
	var all []BillRun
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+runColumns+`
			FROM bill_runs r`+runCounts+`
			`+where, args...)
		var err error
		all, err = pgx.CollectRows(rows, scanRun)
		return err
	})
	return all, wrap(err, "list bill runs")
}

// ParkedTenants returns the tenants that a run has parked, by name, and at most
// a page of them.
func (db *DB) ParkedTenants(ctx context.Context, s invoq.Scope, run string) ([]ParkedTenant, error) {
	var all []ParkedTenant
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT t.id::text, t.name, r.problem
			FROM bill_run_tenants r
			JOIN tenants t ON t.id = r.tenant_id
			WHERE r.run_id = $1::uuid AND r.state = 'parked'
			ORDER BY t.name
			LIMIT $2`, run, invoq.MaxPageSize)
		var err error
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ParkedTenant, error) {
			var p ParkedTenant
			err := row.Scan(&p.TenantID, &p.Tenant, &p.Problem)
			return p, err
		})
		return err
	})
	return all, wrap(err, "list tenants that run %q has parked", run)
}

// LeadBillRun runs fn while no other server leads the run, and reports false
// without running it when one does. The lead ends with the connection, so that
// a server that dies gives it up at once. It is a connection beside the pool:
// leaders that held those of the pool and waited for more of them would wait
// for each other.
func (db *DB) LeadBillRun(ctx context.Context, id string, fn func() error) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return false, wrap(asError(err), "lead bill run %q", id)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var leads bool
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended('bill run ' || $1, 0))`, id).Scan(&leads)
	if err != nil || !leads {
		return false, wrap(asError(err), "lead bill run %q", id)
	}
	// A session ends a moment after its connection; whoever asks next must not
	// find it. One that has died has let go already.
	defer conn.Exec(context.WithoutCancel(ctx),
		`SELECT pg_advisory_unlock(hashtextextended('bill run ' || $1, 0))`, id)
	return true, fn()
}
