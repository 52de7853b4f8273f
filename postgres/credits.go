package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"invoq"
)

const creditColumns = `
	c.id::text, c.number, c.tenant_id::text, c.bill_id::text, c.reference, b.currency, c.amount, c.reason,
	c.created_at, c.created_by`

// scanCredit reads a row of creditColumns.
func scanCredit(row pgx.CollectableRow) (invoq.CreditNote, error) {
	var c invoq.CreditNote
	err := row.Scan(&c.ID, &c.Number, &c.TenantID, &c.BillID, &c.Reference, &c.Currency, &c.Amount,
		&c.Reason, &c.CreatedAt, &c.CreatedBy)
	c.CreatedAt = c.CreatedAt.UTC()
	return c, err
}

// CreateCreditNote takes an amount of an issued bill back and gives the note
// the next number of its series. The same reference again returns the note that
// exists, or KindConflict where it was for something else. All notes of a bill
// are at most its total.
func (db *DB) CreateCreditNote(
	ctx context.Context, s invoq.Scope, c invoq.CreditNote,
) (invoq.CreditNote, error) {
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		b, err := lockBill(ctx, tx, c.BillID)
		if err != nil {
			return err
		}
		if b.Status != invoq.BillFinal && b.Status != invoq.BillPaid {
			return invoq.Errorf(invoq.KindConflict, "the bill is %s; only an issued one is credited", b.Status)
		}
		// The bill may have been named by its number.
		c.BillID, c.TenantID = b.ID, b.TenantID
		rows, _ := tx.Query(ctx, `
			SELECT `+creditColumns+`
			FROM credit_notes c
			JOIN bills b ON b.id = c.bill_id
			WHERE c.bill_id = $1::uuid AND c.reference = $2`, string(c.BillID), c.Reference)
		known, err := pgx.CollectExactlyOneRow(rows, scanCredit)
		if err == nil {
			if known.Amount.Cmp(c.Amount) != 0 {
				return invoq.Errorf(invoq.KindConflict,
					"reference %q is that of a credit note over %s", c.Reference, known.Amount)
			}
			c = known
			return nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		c, err = insertCredit(ctx, tx, b, c)
		return err
	})
	return c, wrap(err, "credit bill %q", c.BillID)
}

// insertCredit stores a note of a bill that is locked.
func insertCredit(
	ctx context.Context, tx pgx.Tx, b invoq.Bill, c invoq.CreditNote,
) (invoq.CreditNote, error) {
	var credited invoq.Decimal
	err := tx.QueryRow(ctx, `
		SELECT coalesce(sum(amount), 0)
		FROM credit_notes
		WHERE bill_id = $1::uuid`, string(b.ID)).Scan(&credited)
	if err != nil {
		return c, err
	}
	if left := b.Total.Sub(credited); c.Amount.Cmp(left) > 0 {
		return c, invoq.Errorf(invoq.KindUnprocessable,
			"amount %s is more than the %s that is left of the bill", c.Amount, left)
	}
	prefix, n, err := takeNumbers(ctx, tx, seriesCredits, 1)
	if err != nil {
		return c, err
	}
	rows, _ := tx.Query(ctx, `
		WITH c AS (
			INSERT INTO credit_notes (id, number, tenant_id, bill_id, reference, amount, reason, created_by)
			VALUES (@id, @number, @tenant_id, @bill_id, @reference, @amount, @reason, @by)
			RETURNING *
		)
		SELECT `+creditColumns+`
		FROM c
		JOIN bills b ON b.id = c.bill_id`, pgx.NamedArgs{
		"id": newID(), "number": numberText(prefix, n), "tenant_id": string(b.TenantID),
		"bill_id": string(b.ID), "reference": c.Reference, "amount": c.Amount, "reason": c.Reason,
		"by": c.CreatedBy,
	})
	return pgx.CollectExactlyOneRow(rows, scanCredit)
}

// CreditNotes returns the credit notes of a bill, the oldest first.
func (db *DB) CreditNotes(ctx context.Context, s invoq.Scope, bill invoq.BillID) ([]invoq.CreditNote, error) {
	var all []invoq.CreditNote
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		b, err := findBill(ctx, tx, bill)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			SELECT `+creditColumns+`
			FROM credit_notes c
			JOIN bills b ON b.id = c.bill_id
			WHERE c.bill_id = $1::uuid
			ORDER BY c.number`, string(b.ID))
		all, err = pgx.CollectRows(rows, scanCredit)
		return err
	})
	return all, wrap(err, "list credit notes of bill %q", bill)
}
