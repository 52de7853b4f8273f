package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// PriceMark returns a mark that stays the same for as long as all plans and
// whom they are assigned to do: rows are only ever added.
func (db *DB) PriceMark(ctx context.Context) (mark string, err error) {
	err = db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT concat_ws(' ',
				(SELECT count(*) FROM pricing_plans),
				(SELECT count(*) FROM plan_assignments))`).Scan(&mark)
	})
	return mark, wrap(err, "read mark of the plans")
}

// TaggedService is a service that has tags.
type TaggedService struct {
	Tenant          invoq.TenantID
	Namespace, Name string
	Tags            map[string]string
}

// TaggedServices returns those of the tenants' services that have tags.
func (db *DB) TaggedServices(ctx context.Context, tenants []invoq.TenantID) ([]TaggedService, error) {
	var all []TaggedService
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT tenant_id::text, namespace, name, tags
			FROM services
			WHERE tenant_id = ANY ($1::uuid[]) AND tags <> '{}'`, texts(tenants))
		var err error
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TaggedService])
		return err
	})
	return all, wrap(err, "read tags of %d tenants", len(tenants))
}
