package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// History is what was billed to tenants before and may need correction.
type History struct {
	// Bills are the issued bills that ended in the time asked for, those that were
	// re-rated or are corrected by another one, void or not, and those that
	// correct any; of each tenant by period.
	Bills []invoq.Bill
	// Reratings are the latest ones of these bills.
	Reratings map[invoq.BillID]invoq.Rerating
}

// BillHistory returns what was billed to the tenants. Ended holds the ends of
// the issued bills' periods that are of interest.
func (db *DB) BillHistory(
	ctx context.Context, s invoq.Scope, tenants []invoq.TenantID, after, until time.Time,
) (History, error) {
	h := History{Reratings: map[invoq.BillID]invoq.Rerating{}}
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"tenants": texts(tenants), "after": after, "until": until}
		rows, _ := tx.Query(ctx, `
			SELECT `+billColumns+`
			FROM bills b
			WHERE b.tenant_id = ANY (@tenants::uuid[]) AND (
				b.status IN ('final', 'paid') AND b.period_end > @after AND b.period_end <= @until
				OR b.status IN ('final', 'paid') AND b.corrects <> '{}'
				OR b.status IN ('final', 'paid') AND EXISTS (SELECT FROM bill_reratings r WHERE r.bill_id = b.id)
				OR EXISTS (
					SELECT FROM bills c
					WHERE c.tenant_id = b.tenant_id AND c.status IN ('final', 'paid') AND c.corrects <> '{}'
						AND b.id = ANY (c.corrects)))
			ORDER BY b.tenant_id, b.period_start, b.id`, args)
		var err error
		if h.Bills, err = pgx.CollectRows(rows, scanBill); err != nil || len(h.Bills) == 0 {
			return err
		}
		rows, _ = tx.Query(ctx, `
			SELECT DISTINCT ON (bill_id) `+reratingColumns+`
			FROM bill_reratings
			WHERE tenant_id = ANY (@tenants::uuid[])
			ORDER BY bill_id, id DESC`, args)
		latest, err := pgx.CollectRows(rows, scanRerating)
		for _, r := range latest {
			h.Reratings[r.BillID] = r
		}
		return err
	})
	return h, wrap(err, "read the bills of %d tenants", len(tenants))
}

// texts turns identifiers into what the driver writes.
func texts[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}
