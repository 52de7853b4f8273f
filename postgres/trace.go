package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/ledger"
)

// Trace is what the book says of one request.
type Trace struct {
	// Batch is the first position of the batch that it was posted in; −1 when
	// it was not.
	Batch    int64
	PostedAt time.Time
	Entries  []ledger.Entry
	Refusals []TracedRefusal
}

// TracedRefusal is an event that was acknowledged and not posted.
type TracedRefusal struct {
	Reason    string
	RefusedAt time.Time
}

// Trace returns what the book says of a tenant's request.
func (db *DB) Trace(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID, requestID string,
) (Trace, error) {
	t := Trace{Batch: -1}
	id := [16]byte(ledger.NewKeyID(tenant, requestID))
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+selectEntry+`
			FROM ledger_entries
			WHERE tenant_id = $2 AND request_id = $3 AND position >= (
				SELECT first_entry FROM ledger_keys WHERE id = $1
			) AND position < (
				SELECT b.first_entry + b.entries
				FROM ledger_keys k
				JOIN ledger_batches b USING (first_entry)
				WHERE k.id = $1)
			ORDER BY position`, id, string(tenant), requestID)
		var err error
		if t.Entries, err = pgx.CollectRows(rows, scanEntry); err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, `
			SELECT reason, refused_at
			FROM ledger_refusals
			WHERE id = $1
			ORDER BY refused_at`, id)
		if t.Refusals, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TracedRefusal]); err != nil {
			return err
		}
		if len(t.Entries) == 0 {
			return nil
		}
		return tx.QueryRow(ctx, `
			SELECT first_entry, posted_at
			FROM ledger_batches
			WHERE first_entry = (SELECT first_entry FROM ledger_keys WHERE id = $1)`,
			id).Scan(&t.Batch, &t.PostedAt)
	})
	return t, wrap(err, "trace request %q", requestID)
}
