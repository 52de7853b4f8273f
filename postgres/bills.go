package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"invoq"
)

const billColumns = `
	id::text, tenant_id::text, period_start, period_end, timezone, currency, plan_id::text,
	plan_version, status, total_amount, line_items, created_at`

// scanBill reads a row of billColumns. Lines are JSON whose decimals are strings,
// so that no digit is lost on the way.
func scanBill(row pgx.CollectableRow) (invoq.Bill, error) {
	var b invoq.Bill
	var lines []byte
	err := row.Scan(&b.ID, &b.TenantID, &b.Period.Start, &b.Period.End, &b.Timezone, &b.Currency, &b.PlanID,
		&b.PlanVersion, &b.Status, &b.Total, &lines, &b.CreatedAt)
	if err != nil {
		return b, err
	}
	b.Period.Start, b.Period.End = b.Period.Start.UTC(), b.Period.End.UTC()
	b.CreatedAt = b.CreatedAt.UTC()
	if err := json.Unmarshal(lines, &b.Lines); err != nil {
		return b, fmt.Errorf("read lines of bill %q: %w", b.ID, err)
	}
	return b, nil
}

// PutDraft stores a draft bill in place of the draft for the same tenant and
// period, if there is one: it keeps its id. A bill that is no draft any more is
// KindConflict.
func (db *DB) PutDraft(ctx context.Context, s invoq.Scope, b invoq.Bill) (invoq.Bill, error) {
	lines, err := json.Marshal(b.Lines)
	if err != nil {
		return b, fmt.Errorf("write bill lines: %w", err)
	}
	err = db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			INSERT INTO bills AS b (
				id, tenant_id, period_start, period_end, timezone, currency, plan_id, plan_version,
				status, total_amount, line_items)
			VALUES (
				@id, @tenant_id, @start, @end, @timezone, @currency, @plan_id, @plan_version,
				'draft', @total, @lines)
			ON CONFLICT (tenant_id, period_start, period_end) WHERE status <> 'void' DO UPDATE
			SET timezone = excluded.timezone, currency = excluded.currency, plan_id = excluded.plan_id,
				plan_version = excluded.plan_version, total_amount = excluded.total_amount,
				line_items = excluded.line_items
			WHERE b.status = 'draft'
			RETURNING `+billColumns,
			pgx.NamedArgs{
				"id": newID(), "tenant_id": string(b.TenantID), "start": b.Period.Start, "end": b.Period.End,
				"timezone": b.Timezone, "currency": b.Currency, "plan_id": string(b.PlanID),
				"plan_version": b.PlanVersion, "total": b.Total, "lines": lines,
			})
		var err error
		b, err = pgx.CollectExactlyOneRow(rows, scanBill)
		if err != nil && invoq.KindOf(asError(err)) == invoq.KindNotFound {
			return invoq.Errorf(invoq.KindConflict, "the bill for this period is final and never changes")
		}
		return err
	})
	return b, wrap(err, "store draft bill of tenant %q", b.TenantID)
}

// FindBill returns a bill.
func (db *DB) FindBill(ctx context.Context, s invoq.Scope, id invoq.BillID) (invoq.Bill, error) {
	var b invoq.Bill
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+billColumns+`
			FROM bills
			WHERE id::text = lower($1)`, id)
		var err error
		b, err = pgx.CollectExactlyOneRow(rows, scanBill)
		return err
	})
	if invoq.KindOf(err) == invoq.KindNotFound {
		return b, invoq.Errorf(invoq.KindNotFound, "no bill %q", id)
	}
	return b, wrap(err, "find bill %q", id)
}

// ListBills returns the bills in scope, of one tenant unless it is empty, the
// newest period first; Page.After is the last id seen.
func (db *DB) ListBills(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID, p invoq.Page,
) ([]invoq.Bill, error) {
	var all []invoq.Bill
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+billColumns+`
			FROM bills
			WHERE (@tenant = '' OR tenant_id = nullif(@tenant, '')::uuid)
				AND (@after = '' OR (period_start, id) < (
					SELECT period_start, id FROM bills WHERE id::text = @after))
			ORDER BY period_start DESC, id DESC
			LIMIT @limit`,
			pgx.NamedArgs{"tenant": string(tenant), "after": p.After, "limit": p.Limit})
		var err error
		all, err = pgx.CollectRows(rows, scanBill)
		return err
	})
	return all, wrap(err, "list bills")
}
