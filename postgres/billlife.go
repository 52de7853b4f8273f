package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"invoq"
)

// The series that numbers are taken from.
const (
	seriesBills   = "bill"
	seriesCredits = "credit note"
)

// numberDigits is how many digits a number has at least.
const numberDigits = 8

// brokenLife is how the database refuses what the life of a bill does not allow.
const brokenLife = "IV001"

// lifeError gives the database's refusal to whoever asked for it.
func lifeError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == brokenLife {
		return invoq.Errorf(invoq.KindConflict, "%s", pg.Message).WithCause(err)
	}
	return err
}

// takeNumbers takes the next n numbers of a series, and returns the prefix and
// the first of them. The series is this transaction's until its end, so a
// transaction that fails leaves no gap.
func takeNumbers(ctx context.Context, tx pgx.Tx, series string, n int) (prefix string, first int64, err error) {
	err = tx.QueryRow(ctx, `
		UPDATE bill_series
		SET last = last + $2
		WHERE name = $1
		RETURNING prefix, last - $2 + 1`, series, n).Scan(&prefix, &first)
	return prefix, first, err
}

// Final says which draft becomes final, and what has to be so for that.
type Final struct {
	Bill   invoq.BillID
	SHA256 string // of the draft's content
	// Issued is how many bills of the tenant had been issued when the draft's
	// corrections were looked at.
	Issued int
	At     time.Time
}

// IssuedBills returns how many bills of a tenant were ever issued.
func (db *DB) IssuedBills(ctx context.Context, s invoq.Scope, tenant invoq.TenantID) (int, error) {
	var n int
	err := db.in(ctx, s, func(tx pgx.Tx) error { return countIssued(ctx, tx, tenant, &n) })
	return n, wrap(err, "count bills of tenant %q", tenant)
}

func countIssued(ctx context.Context, tx pgx.Tx, tenant invoq.TenantID, n *int) error {
	return tx.QueryRow(ctx, `
		SELECT count(*)
		FROM bills
		WHERE tenant_id = $1::uuid AND number IS NOT NULL`, string(tenant)).Scan(n)
}

// FinalizeBill makes a draft final and gives it the next number, unless its
// content is no longer the one with the hash, or another bill may have got its
// corrections meanwhile: both are KindConflict.
func (db *DB) FinalizeBill(ctx context.Context, s invoq.Scope, f Final) (invoq.Bill, error) {
	var b invoq.Bill
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		// The series first: it is what keeps others from finalizing meanwhile.
		prefix, first, err := takeNumbers(ctx, tx, seriesBills, 1)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			UPDATE bills
			SET status = 'final', number = @number, finalized_at = @at
			WHERE id = @id::uuid AND status = 'draft' AND sha256 = @sha256
			RETURNING `+billColumns, pgx.NamedArgs{
			"id": string(f.Bill), "sha256": f.SHA256, "at": f.At, "number": numberText(prefix, first),
		})
		b, err = pgx.CollectExactlyOneRow(rows, scanBill)
		if errors.Is(err, pgx.ErrNoRows) {
			return invoq.Errorf(invoq.KindConflict, "the draft was computed again meanwhile: look at it again")
		}
		if err != nil {
			return lifeError(err)
		}
		return f.checkCorrections(ctx, tx, b)
	})
	return b, wrap(err, "finalize bill %q", f.Bill)
}

// checkCorrections refuses a bill with corrections after another one of its tenant
// was issued: it may have them, too.
func (f Final) checkCorrections(ctx context.Context, tx pgx.Tx, b invoq.Bill) error {
	var issued int
	if err := countIssued(ctx, tx, b.TenantID, &issued); err != nil {
		return err
	}
	corrects := slices.ContainsFunc(b.Lines, func(l invoq.BillLine) bool { return l.Corrects != "" })
	if corrects && issued != f.Issued+1 { // This one is counted, too.
		return invoq.Errorf(invoq.KindConflict,
			"another bill of the tenant was issued meanwhile, which may have the corrections: calculate it again")
	}
	return nil
}

// numberText writes a number of a series.
func numberText(prefix string, n int64) string { return fmt.Sprintf("%s%0*d", prefix, numberDigits, n) }

// PayBill records that a final bill was paid, by which payment. The same
// payment again changes nothing; another one is KindConflict.
func (db *DB) PayBill(
	ctx context.Context, s invoq.Scope, id invoq.BillID, payment string, at time.Time,
) (invoq.Bill, error) {
	return db.changeBill(ctx, s, id, func(b invoq.Bill) (string, pgx.NamedArgs, error) {
		if b.Status == invoq.BillPaid && b.Payment == payment {
			return "", nil, nil
		}
		if b.Status != invoq.BillFinal {
			return "", nil, invoq.Errorf(invoq.KindConflict, "the bill is %s; only a final one is paid", b.Status)
		}
		return `UPDATE bills SET status = 'paid', paid_at = @at, payment = @payment WHERE id = @id::uuid`,
			pgx.NamedArgs{"at": at, "payment": payment}, nil
	})
}

// VoidBill makes a draft or a final bill void and records why. A bill that is
// void already stays as it is; one with credit notes is KindConflict.
func (db *DB) VoidBill(
	ctx context.Context, s invoq.Scope, id invoq.BillID, reason string, at time.Time,
) (invoq.Bill, error) {
	return db.changeBill(ctx, s, id, func(b invoq.Bill) (string, pgx.NamedArgs, error) {
		switch b.Status {
		case invoq.BillVoid:
			return "", nil, nil
		case invoq.BillPaid:
			return "", nil, invoq.Errorf(invoq.KindConflict, "the bill is paid: give a credit note instead")
		}
		return `
			UPDATE bills
			SET status = 'void', voided_at = @at, void_reason = @reason
			WHERE id = @id::uuid AND NOT EXISTS (SELECT FROM credit_notes WHERE bill_id = @id::uuid)`,
			pgx.NamedArgs{"at": at, "reason": reason}, nil
	})
}

// changeBill changes a bill that nobody else changes meanwhile. Change returns
// no statement where nothing is to be done.
func (db *DB) changeBill(
	ctx context.Context, s invoq.Scope, id invoq.BillID,
	change func(invoq.Bill) (string, pgx.NamedArgs, error),
) (invoq.Bill, error) {
	var b invoq.Bill
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var err error
		if b, err = lockBill(ctx, tx, id); err != nil {
			return err
		}
		sql, args, err := change(b)
		if sql == "" || err != nil {
			return err
		}
		args["id"] = string(b.ID)
		tag, err := tx.Exec(ctx, sql, args)
		if err != nil {
			return lifeError(err)
		}
		if tag.RowsAffected() == 0 {
			return invoq.Errorf(invoq.KindConflict, "the bill has credit notes and stays as it is")
		}
		b, err = findBill(ctx, tx, b.ID)
		return err
	})
	return b, wrap(err, "change bill %q", id)
}

// lockBill returns a bill by id or number and keeps others from changing it
// until the transaction ends.
func lockBill(ctx context.Context, tx pgx.Tx, id invoq.BillID) (invoq.Bill, error) {
	b, err := findBill(ctx, tx, id)
	if err != nil {
		return b, err
	}
	if _, err := tx.Exec(ctx, `SELECT FROM bills WHERE id = $1::uuid FOR UPDATE`, string(b.ID)); err != nil {
		return b, err
	}
	return findBill(ctx, tx, b.ID) // As it is now that nobody else changes it.
}

// CountedUntil returns how far usage has been aggregated; zero before the first
// run.
func (db *DB) CountedUntil(ctx context.Context) (time.Time, error) {
	var until *time.Time
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT (SELECT until FROM aggregation)`).Scan(&until)
	})
	return orZero(until), wrap(err, "read how far usage is counted")
}
