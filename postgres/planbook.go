package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// PlanBook is all that says which prices hold for whom and when.
type PlanBook struct {
	// Plans are all versions of all plans in scope, by id and version.
	Plans []invoq.Plan
	// Assignments are those of all tenants in scope, by tenant and day, of one
	// day the earlier first.
	Assignments []invoq.PlanAssignment
}

// PlanBook reads all plans and assignments in scope at one instant.
func (db *DB) PlanBook(ctx context.Context, s invoq.Scope) (PlanBook, error) {
	var book PlanBook
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+planColumns+`
			FROM pricing_plans
			ORDER BY id::text, version`)
		var err error
		if book.Plans, err = pgx.CollectRows(rows, scanPlan); err != nil {
			return err
		}
		book.Assignments, err = assignments(ctx, tx, "")
		return err
	})
	return book, wrap(err, "read the plans")
}

// PlanAssignments returns the assignments of a tenant by day, of one day the
// earlier first.
func (db *DB) PlanAssignments(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID,
) ([]invoq.PlanAssignment, error) {
	var all []invoq.PlanAssignment
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var err error
		all, err = assignments(ctx, tx, tenant)
		return err
	})
	return all, wrap(err, "list plan assignments of tenant %q", tenant)
}

// AssignPlan records that a plan prices a tenant from a day on.
func (db *DB) AssignPlan(
	ctx context.Context, s invoq.Scope, a invoq.PlanAssignment,
) (invoq.PlanAssignment, error) {
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		// Always a row of its own: what was agreed before stays on record.
		rows, _ := tx.Query(ctx, `
			INSERT INTO plan_assignments (tenant_id, effective_from, plan_id, created_by, reason)
			VALUES (@tenant_id, @from::date, nullif(@plan_id, '')::uuid, @by, @reason)
			RETURNING `+assignmentColumns, pgx.NamedArgs{
			"tenant_id": string(a.TenantID), "from": string(a.EffectiveFrom),
			"plan_id": string(a.PlanID), "by": a.CreatedBy, "reason": a.Reason,
		})
		var err error
		a, err = pgx.CollectExactlyOneRow(rows, scanAssignment)
		return err
	})
	return a, wrap(err, "assign a plan to tenant %q", a.TenantID)
}

const assignmentColumns = `
	tenant_id::text, effective_from::text, coalesce(plan_id::text, ''), created_at, created_by, reason`

// scanAssignment reads a row of assignmentColumns.
func scanAssignment(row pgx.CollectableRow) (invoq.PlanAssignment, error) {
	var a invoq.PlanAssignment
	err := row.Scan(&a.TenantID, &a.EffectiveFrom, &a.PlanID, &a.CreatedAt, &a.CreatedBy, &a.Reason)
	a.CreatedAt = a.CreatedAt.UTC()
	return a, err
}

// assignments reads those of one tenant, or of all in scope.
func assignments(ctx context.Context, tx pgx.Tx, tenant invoq.TenantID) ([]invoq.PlanAssignment, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+assignmentColumns+`
		FROM plan_assignments
		WHERE @tenant = '' OR tenant_id = nullif(@tenant, '')::uuid
		ORDER BY tenant_id, effective_from, id`, pgx.NamedArgs{"tenant": string(tenant)})
	return pgx.CollectRows(rows, scanAssignment)
}
