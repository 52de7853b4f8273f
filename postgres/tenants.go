package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"invoq"
)

const tenantColumns = `
	id::text, name, billing_email, currency, timezone, coalesce(plan_id::text, ''),
	created_at, updated_at`

// scanTenant reads a row of tenantColumns; times come back in UTC.
func scanTenant(row pgx.CollectableRow) (invoq.Tenant, error) {
	var t invoq.Tenant
	err := row.Scan(&t.ID, &t.Name, &t.BillingEmail, &t.Currency, &t.Timezone, &t.PlanID,
		&t.CreatedAt, &t.UpdatedAt)
	t.CreatedAt, t.UpdatedAt = t.CreatedAt.UTC(), t.UpdatedAt.UTC()
	return t, err
}

// CreateTenant stores a new tenant and returns it with its id. A name that is
// taken is KindConflict.
func (db *DB) CreateTenant(ctx context.Context, s invoq.Scope, t invoq.Tenant) (invoq.Tenant, error) {
	t.ID = invoq.TenantID(newID())
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			INSERT INTO tenants (id, name, billing_email, currency, timezone, plan_id)
			VALUES (@id, @name, @billing_email, @currency, @timezone, nullif(@plan_id, '')::uuid)
			RETURNING `+tenantColumns,
			pgx.NamedArgs{
				"id": t.ID, "name": t.Name, "billing_email": t.BillingEmail,
				"currency": t.Currency, "timezone": t.Timezone, "plan_id": t.PlanID,
			})
		made, err := pgx.CollectExactlyOneRow(rows, scanTenant)
		if conflict(err, "tenants_name_key") {
			return invoq.Errorf(invoq.KindConflict, "a tenant named %q exists already", t.Name)
		}
		t = made
		return err
	})
	return t, wrap(err, "create tenant %q", t.Name)
}

// UpdateTenant stores the changed fields of a tenant; its name and currency
// never change, since series and bills depend on them.
func (db *DB) UpdateTenant(ctx context.Context, s invoq.Scope, t invoq.Tenant) (invoq.Tenant, error) {
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			UPDATE tenants
			SET billing_email = @billing_email, timezone = @timezone,
				plan_id = nullif(@plan_id, '')::uuid, updated_at = now()
			WHERE id = @id
			RETURNING `+tenantColumns,
			pgx.NamedArgs{
				"id": t.ID, "billing_email": t.BillingEmail, "timezone": t.Timezone, "plan_id": t.PlanID,
			})
		var err error
		t, err = pgx.CollectExactlyOneRow(rows, scanTenant)
		return err
	})
	return t, wrap(err, "update tenant %q", t.ID)
}

// FindTenant returns the tenant with this id or, failing that, this name.
func (db *DB) FindTenant(ctx context.Context, s invoq.Scope, idOrName string) (invoq.Tenant, error) {
	var t invoq.Tenant
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+tenantColumns+`
			FROM tenants
			WHERE id::text = lower($1) OR name = $1
			ORDER BY (id::text = lower($1)) DESC
			LIMIT 1`, idOrName)
		var err error
		t, err = pgx.CollectExactlyOneRow(rows, scanTenant)
		return err
	})
	if invoq.KindOf(err) == invoq.KindNotFound {
		return t, invoq.Errorf(invoq.KindNotFound, "no tenant %q", idOrName)
	}
	return t, wrap(err, "find tenant %q", idOrName)
}

// ListTenants returns tenants by name; Page.After is the last name seen.
func (db *DB) ListTenants(ctx context.Context, s invoq.Scope, p invoq.Page) ([]invoq.Tenant, error) {
	var ts []invoq.Tenant
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+tenantColumns+`
			FROM tenants
			WHERE name > $1
			ORDER BY name
			LIMIT $2`, p.After, p.Limit)
		var err error
		ts, err = pgx.CollectRows(rows, scanTenant)
		return err
	})
	return ts, wrap(err, "list tenants")
}

// newID returns a UUID of version 7: ids sort by their time of birth.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// wrap says what was being done when err happened; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
