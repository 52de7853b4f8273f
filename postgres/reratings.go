package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"invoq"
)

const reratingColumns = `
	id, tenant_id::text, bill_id::text, parts, tags, coalesce(reverts, 0), difference, reason, created_at, created_by`

// scanRerating reads a row of reratingColumns.
func scanRerating(row pgx.CollectableRow) (invoq.Rerating, error) {
	var r invoq.Rerating
	var parts, tags []byte
	err := row.Scan(&r.ID, &r.TenantID, &r.BillID, &parts, &tags, &r.Reverts, &r.Difference, &r.Reason,
		&r.CreatedAt, &r.CreatedBy)
	if err != nil {
		return r, err
	}
	r.CreatedAt = r.CreatedAt.UTC()
	if err := json.Unmarshal(parts, &r.Parts); err != nil {
		return r, fmt.Errorf("read parts of re-rating %d: %w", r.ID, err)
	}
	if err := json.Unmarshal(tags, &r.Tags); err != nil {
		return r, fmt.Errorf("read tags of re-rating %d: %w", r.ID, err)
	}
	return r, nil
}

// AddRerating records a re-rating of an issued bill, unless another one came
// after the one the caller knows as the latest (0: none).
func (db *DB) AddRerating(
	ctx context.Context, s invoq.Scope, r invoq.Rerating, latest int64,
) (invoq.Rerating, error) {
	parts, err := json.Marshal(r.Parts)
	if err != nil {
		return r, fmt.Errorf("write parts of a re-rating: %w", err)
	}
	// No tags are an empty list, not null.
	tags, err := json.Marshal(append([]invoq.ServiceTags{}, r.Tags...))
	if err != nil {
		return r, fmt.Errorf("write tags of a re-rating: %w", err)
	}
	err = db.in(ctx, s, func(tx pgx.Tx) error {
		b, err := lockBill(ctx, tx, r.BillID)
		if err != nil {
			return err
		}
		if b.Status != invoq.BillFinal && b.Status != invoq.BillPaid {
			return invoq.Errorf(invoq.KindConflict, "the bill is %s; only an issued one is re-rated", b.Status)
		}
		rows, _ := tx.Query(ctx, `
			INSERT INTO bill_reratings (tenant_id, bill_id, parts, tags, reverts, difference, reason, created_by)
			SELECT @tenant_id::uuid, @bill_id::uuid, @parts::jsonb, @tags::jsonb, nullif(@reverts, 0),
				@difference::numeric, @reason, @by
			WHERE (SELECT coalesce(max(id), 0) FROM bill_reratings WHERE bill_id = @bill_id::uuid) = @latest
			RETURNING `+reratingColumns, pgx.NamedArgs{
			"tenant_id": string(b.TenantID), "bill_id": string(b.ID), "parts": string(parts), "tags": string(tags),
			"reverts": r.Reverts, "difference": r.Difference.String(), "reason": r.Reason, "by": r.CreatedBy,
			"latest": latest,
		})
		r, err = pgx.CollectExactlyOneRow(rows, scanRerating)
		if err != nil && invoq.KindOf(asError(err)) == invoq.KindNotFound {
			return invoq.Errorf(invoq.KindConflict, "the bill was re-rated meanwhile: look again")
		}
		return err
	})
	return r, wrap(err, "re-rate bill %q", r.BillID)
}

// Reratings returns the re-ratings of a bill, the oldest first.
func (db *DB) Reratings(ctx context.Context, s invoq.Scope, bill invoq.BillID) ([]invoq.Rerating, error) {
	var all []invoq.Rerating
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		b, err := findBill(ctx, tx, bill)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			SELECT `+reratingColumns+`
			FROM bill_reratings
			WHERE bill_id = $1::uuid
			ORDER BY id`, string(b.ID))
		all, err = pgx.CollectRows(rows, scanRerating)
		return err
	})
	return all, wrap(err, "list re-ratings of bill %q", bill)
}
