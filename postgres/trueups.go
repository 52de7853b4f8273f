package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// DueTrueUp is a bill that says something about a period, its own or that of a
// bill it corrects, and is not yet held against the entries of the period.
type DueTrueUp struct {
	Bill   invoq.BillID
	Number string
	Tenant invoq.TenantName
	// About is the bill of the period that ends at End; itself, or one that it
	// corrects.
	About       invoq.BillID
	AboutNumber string
	End         time.Time
}

// DueTrueUps returns what up to limit issued bills are to be held against, the
// oldest bills first. Bills that became void meanwhile are none.
func (db *DB) DueTrueUps(ctx context.Context, limit int) ([]DueTrueUp, error) {
	var all []DueTrueUp
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		// What became void is owed nothing, and nothing is held against it.
		_, err := tx.Exec(ctx, `
			DELETE FROM bill_true_ups d
			USING bills b
			WHERE b.id = d.bill_id AND b.status = 'void'`)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			SELECT b.id::text, b.number, t.name, x.id::text, x.number, x.period_end
			FROM (
				SELECT b.*
				FROM bill_true_ups d
				JOIN bills b ON b.id = d.bill_id
				ORDER BY b.finalized_at, b.id
				LIMIT $1
			) b
			JOIN tenants t ON t.id = b.tenant_id
			JOIN bills x ON (x.id = b.id OR x.id = ANY (b.corrects)) AND x.status IN ('final', 'paid')
			ORDER BY b.finalized_at, b.id, x.period_end, x.id`, limit)
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[DueTrueUp])
		return err
	})
	for i := range all {
		all[i].End = all[i].End.UTC()
	}
	return all, wrap(err, "find bills without true-ups")
}

// TruedUp notes that bills are held against their entries.
func (db *DB) TruedUp(ctx context.Context, bills []invoq.BillID) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM bill_true_ups WHERE bill_id = ANY ($1::uuid[])`, texts(bills))
		return err
	})
	return wrap(err, "note that %d bills are trued up", len(bills))
}
