package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// BillRunTenants returns the ids of the tenants that a run has not done yet, in
// their order: those that were there when the run was asked for.
func (db *DB) BillRunTenants(ctx context.Context, run string) ([]invoq.TenantID, error) {
	var all []invoq.TenantID
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT t.id::text
			FROM tenants t
			WHERE t.created_at <= (SELECT created_at FROM bill_runs WHERE id = $1::uuid)
				AND NOT EXISTS (
					SELECT FROM bill_run_tenants r
					WHERE r.run_id = $1::uuid AND r.tenant_id = t.id)
			ORDER BY t.id`, run)
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowTo[invoq.TenantID])
		return err
	})
	return all, wrap(err, "list tenants of bill run %q", run)
}

// TenantsByID returns tenants by id, those that exist.
func (db *DB) TenantsByID(
	ctx context.Context, s invoq.Scope, ids []invoq.TenantID,
) ([]invoq.Tenant, error) {
	var all []invoq.Tenant
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+tenantColumns+`
			FROM tenants
			WHERE id = ANY ($1::uuid[])
			ORDER BY id`, texts(ids))
		var err error
		all, err = pgx.CollectRows(rows, scanTenant)
		return err
	})
	return all, wrap(err, "find %d tenants", len(ids))
}

// StoreBillRun stores what a run has made for some tenants, and that it has,
// all or nothing. What is stored already stays.
func (db *DB) StoreBillRun(ctx context.Context, run string, results []RunResult) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		var drafts []invoq.Bill
		for i := range results {
			if results[i].Problem == "" {
				drafts = append(drafts, results[i].Bill)
			}
		}
		ids, err := putDrafts(ctx, tx, drafts)
		if err != nil {
			return err
		}
		// Tenants whose period's bill is issued have no draft, and keep that bill.
		n := len(results)
		tenants, bills := make([]string, n), make([]*string, n)
		states, problems := make([]string, n), make([]string, n)
		for i, r := range results {
			tenants[i], problems[i] = string(r.Tenant), r.Problem
			states[i] = "kept"
			if id, ok := ids[r.Tenant]; ok {
				text := string(id)
				states[i], bills[i] = "drafted", &text
			}
			if r.Problem != "" {
				states[i] = "parked"
			}
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO bill_run_tenants (run_id, tenant_id, state, bill_id, problem)
			SELECT @run::uuid, d.tenant_id, d.state, d.bill_id, d.problem
			FROM unnest(@tenants::uuid[], @states::text[], @bills::uuid[], @problems::text[])
				AS d (tenant_id, state, bill_id, problem)
			ON CONFLICT (run_id, tenant_id) DO NOTHING`, pgx.NamedArgs{
			"run": run, "tenants": tenants, "states": states, "bills": bills, "problems": problems,
		})
		return err
	})
	return wrap(err, "store %d bills of run %q", len(results), run)
}

// RunFinal says which drafts of a run become final.
type RunFinal struct {
	Run string
	// Closed is the last end of a period that is closed; later ones are parked.
	Closed time.Time
	At     time.Time // when the bills are final
	Limit  int       // how many tenants at a time
}

// FinalizeBillRun makes the next drafts of a run final, in the order of tenants,
// and returns how many tenants that did; 0 when none is left. Drafts that must
// not be final are parked.
func (db *DB) FinalizeBillRun(ctx context.Context, f RunFinal) (int, error) {
	done := 0
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		// The series first: it is what keeps others from finalizing meanwhile.
		_, err := tx.Exec(ctx, `SELECT FROM bill_series WHERE name = $1 FOR UPDATE`, seriesBills)
		if err != nil {
			return err
		}
		next, err := f.next(ctx, tx)
		if err != nil {
			return err
		}
		done = len(next)
		var final []string
		for _, d := range next {
			if d.problem == "" {
				final = append(final, d.bill)
			}
		}
		if err := f.finalize(ctx, tx, final); err != nil {
			return lifeError(err)
		}
		return f.settle(ctx, tx, next)
	})
	return done, wrap(err, "finalize bills of run %q", f.Run)
}

// runDraft is a draft that a run made, and why it must not be final.
type runDraft struct{ tenant, bill, problem string }

// next returns the first drafts that are left.
func (f RunFinal) next(ctx context.Context, tx pgx.Tx) ([]runDraft, error) {
	rows, _ := tx.Query(ctx, `
		SELECT r.tenant_id::text, b.id::text, CASE
			WHEN b.status <> 'draft' THEN 'the draft was made ' || b.status || ' meanwhile'
			WHEN b.period_end > @closed THEN 'the period is open: its usage may still change'
			WHEN EXISTS (
				SELECT FROM bills o
				WHERE o.tenant_id = b.tenant_id AND o.id <> b.id AND o.status IN ('final', 'paid')
					AND o.period_end > b.period_start AND o.period_start < b.period_end
			) THEN 'a part of the period is on another bill already'
			WHEN b.corrects <> '{}' AND EXISTS (
				SELECT FROM bills o
				WHERE o.tenant_id = b.tenant_id AND o.id <> b.id AND o.corrects && b.corrects
					AND o.finalized_at >= (SELECT created_at FROM bill_runs WHERE id = @run::uuid)
			) THEN 'its corrections were put on another bill meanwhile'
			ELSE '' END
		FROM bill_run_tenants r
		JOIN bills b ON b.id = r.bill_id
		WHERE r.run_id = @run::uuid AND r.state = 'drafted'
		ORDER BY r.tenant_id
		LIMIT @limit`, pgx.NamedArgs{"run": f.Run, "closed": f.Closed, "limit": f.Limit})
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (runDraft, error) {
		var d runDraft
		err := row.Scan(&d.tenant, &d.bill, &d.problem)
		return d, err
	})
}

// finalize makes drafts final and gives them numbers in their order.
func (f RunFinal) finalize(ctx context.Context, tx pgx.Tx, bills []string) error {
	if len(bills) == 0 {
		return nil
	}
	prefix, first, err := takeNumbers(ctx, tx, seriesBills, len(bills))
	if err != nil {
		return err
	}
	numbers := make([]string, len(bills))
	for i := range numbers {
		numbers[i] = numberText(prefix, first+int64(i))
	}
	_, err = tx.Exec(ctx, `
		UPDATE bills b
		SET status = 'final', number = f.number, finalized_at = @at
		FROM unnest(@bills::uuid[], @numbers::text[]) AS f (id, number)
		WHERE b.id = f.id`, pgx.NamedArgs{"bills": bills, "numbers": numbers, "at": f.At})
	return err
}

// settle records what has become of the drafts.
func (f RunFinal) settle(ctx context.Context, tx pgx.Tx, drafts []runDraft) error {
	tenants, problems := make([]string, len(drafts)), make([]string, len(drafts))
	for i, d := range drafts {
		tenants[i], problems[i] = d.tenant, d.problem
	}
	_, err := tx.Exec(ctx, `
		UPDATE bill_run_tenants r
		SET state = CASE WHEN d.problem = '' THEN 'final' ELSE 'parked' END, problem = d.problem
		FROM unnest(@tenants::uuid[], @problems::text[]) AS d (tenant_id, problem)
		WHERE r.run_id = @run::uuid AND r.tenant_id = d.tenant_id`,
		pgx.NamedArgs{"run": f.Run, "tenants": tenants, "problems": problems})
	return err
}

// FinishBillRun records that a run has ended, and of how many tenants it was:
// one that was being registered when the run was asked for may be among them.
func (db *DB) FinishBillRun(ctx context.Context, run string, at time.Time) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE bill_runs
			SET finished_at = $2,
				tenants = (SELECT count(*) FROM bill_run_tenants WHERE run_id = $1::uuid)
			WHERE id = $1::uuid AND finished_at IS NULL`, run, at)
		return err
	})
	return wrap(err, "finish bill run %q", run)
}
