package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"invoq"
)

const planColumns = `
	id::text, version, name, coalesce(tenant_id::text, ''), currency, rates, minimum_per_month, active,
	coalesce(effective_from::text, ''), created_at, created_by, reason`

// scanPlan reads a row of planColumns.
func scanPlan(row pgx.CollectableRow) (invoq.Plan, error) {
	var p invoq.Plan
	var rates []byte
	err := row.Scan(&p.ID, &p.Version, &p.Name, &p.TenantID, &p.Currency, &rates, &p.MinimumPerMonth,
		&p.Active, &p.EffectiveFrom, &p.CreatedAt, &p.CreatedBy, &p.Reason)
	if err != nil {
		return p, err
	}
	p.CreatedAt = p.CreatedAt.UTC()
	if err := json.Unmarshal(rates, &p.Rates); err != nil {
		return p, fmt.Errorf("read rates of plan %q version %d: %w", p.ID, p.Version, err)
	}
	return p, nil
}

// newestPlans are the newest versions of all plans in scope.
const newestPlans = `
	SELECT DISTINCT ON (id) *
	FROM pricing_plans
	ORDER BY id, version DESC`

// CreatePlan stores the first version of a new plan.
func (db *DB) CreatePlan(
	ctx context.Context, s invoq.Scope, p invoq.Plan, by string,
) (invoq.Plan, error) {
	p.ID, p.Version = invoq.PlanID(newID()), 1
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var err error
		p, err = insertPlan(ctx, tx, p, by)
		return err
	})
	return p, wrap(err, "create plan %q", p.Name)
}

// ChangePlan stores the next version of a plan. Whose plan it is and in which
// currency never changes, since tenants and bills refer to it.
func (db *DB) ChangePlan(
	ctx context.Context, s invoq.Scope, id invoq.PlanID, by string, change func(*invoq.Plan) error,
) (invoq.Plan, error) {
	var p invoq.Plan
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var err error
		if p, err = newestPlan(ctx, tx, id); err != nil {
			return err
		}
		before := p
		if err := change(&p); err != nil {
			return err
		}
		if p.TenantID != before.TenantID || p.Currency != before.Currency {
			return invoq.Errorf(invoq.KindUnprocessable,
				"a plan keeps its tenant and its currency; create another plan instead")
		}
		if before.Version >= invoq.MaxPlanVersions {
			return invoq.Errorf(invoq.KindUnprocessable,
				"plan %q has %d versions, as many as there may be; create another plan and assign it",
				before.Name, before.Version)
		}
		p.ID, p.Version = before.ID, before.Version+1
		p, err = insertPlan(ctx, tx, p, by)
		if conflict(err, "pricing_plans_pkey") {
			return invoq.Errorf(invoq.KindConflict, "plan %q was changed by somebody else; look again", id)
		}
		return err
	})
	return p, wrap(err, "change plan %q", id)
}

// insertPlan stores one version; nothing is ever updated.
func insertPlan(ctx context.Context, tx pgx.Tx, p invoq.Plan, by string) (invoq.Plan, error) {
	rates, err := json.Marshal(p.Rates)
	if err != nil {
		return p, fmt.Errorf("write rates: %w", err)
	}
	rows, _ := tx.Query(ctx, `
		INSERT INTO pricing_plans (
			id, version, name, tenant_id, currency, rates, minimum_per_month, active, effective_from,
			created_by, reason)
		VALUES (
			@id, @version, @name, nullif(@tenant_id, '')::uuid, @currency, @rates, @minimum, @active,
			nullif(@effective_from, '')::date, @by, @reason)
		RETURNING `+planColumns,
		pgx.NamedArgs{
			"id": p.ID, "version": p.Version, "name": p.Name, "tenant_id": string(p.TenantID),
			"currency": p.Currency, "rates": rates, "minimum": p.MinimumPerMonth, "active": p.Active,
			"effective_from": string(p.EffectiveFrom), "by": by, "reason": p.Reason,
		})
	return pgx.CollectExactlyOneRow(rows, scanPlan)
}

// newestPlan returns the version of a plan that is in force.
func newestPlan(ctx context.Context, tx pgx.Tx, id invoq.PlanID) (invoq.Plan, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+planColumns+`
		FROM pricing_plans
		WHERE id::text = lower($1)
		ORDER BY version DESC
		LIMIT 1`, id)
	p, err := pgx.CollectExactlyOneRow(rows, scanPlan)
	if err != nil && invoq.KindOf(asError(err)) == invoq.KindNotFound {
		return p, invoq.Errorf(invoq.KindNotFound, "no plan %q", id)
	}
	return p, err
}

// FindPlan returns the newest version of a plan.
func (db *DB) FindPlan(ctx context.Context, s invoq.Scope, id invoq.PlanID) (invoq.Plan, error) {
	var p invoq.Plan
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var err error
		p, err = newestPlan(ctx, tx, id)
		return err
	})
	return p, wrap(err, "find plan %q", id)
}

// ListPlans returns the newest versions of the plans in scope by id;
// Page.After is the last id seen.
func (db *DB) ListPlans(ctx context.Context, s invoq.Scope, p invoq.Page) ([]invoq.Plan, error) {
	var all []invoq.Plan
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+planColumns+`
			FROM (`+newestPlans+`) p
			WHERE id::text > $1
			ORDER BY id::text
			LIMIT $2`, p.After, p.Limit)
		var err error
		all, err = pgx.CollectRows(rows, scanPlan)
		return err
	})
	return all, wrap(err, "list plans")
}

// PlanVersions returns all versions of a plan, the newest first.
func (db *DB) PlanVersions(ctx context.Context, s invoq.Scope, id invoq.PlanID) ([]invoq.Plan, error) {
	var all []invoq.Plan
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+planColumns+`
			FROM pricing_plans
			WHERE id::text = lower($1)
			ORDER BY version DESC
			LIMIT $2`, id, invoq.MaxPlanVersions)
		var err error
		all, err = pgx.CollectRows(rows, scanPlan)
		if err == nil && len(all) == 0 {
			return invoq.Errorf(invoq.KindNotFound, "no plan %q", id)
		}
		return err
	})
	return all, wrap(err, "list versions of plan %q", id)
}

// PlansFor returns the newest versions of the active plans that may price a
// tenant: its own and the shared ones, the tenant's own first, newest first.
func (db *DB) PlansFor(ctx context.Context, tenant invoq.TenantID) ([]invoq.Plan, error) {
	var all []invoq.Plan
	err := db.in(ctx, invoq.Only(tenant), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+planColumns+`
			FROM (`+newestPlans+`) p
			WHERE active
			ORDER BY (tenant_id IS NULL), id::text DESC
			LIMIT $1`, invoq.MaxPageSize)
		var err error
		all, err = pgx.CollectRows(rows, scanPlan)
		return err
	})
	return all, wrap(err, "list plans for tenant %q", tenant)
}
