package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

const billColumns = `
	id::text, coalesce(number, ''), tenant_id::text, period_start, period_end, timezone, currency,
	plan_id::text, plan_version, parts, status, total_amount, line_items, warnings, head_size, head_root,
	catalogue, tags, of_windows, sha256, created_at, finalized_at, paid_at, payment, voided_at, void_reason`

// scanBill reads a row of billColumns. Lines are JSON whose decimals are strings,
// so that no digit is lost on the way.
func scanBill(row pgx.CollectableRow) (invoq.Bill, error) {
	var b invoq.Bill
	var lines, parts, warnings, tags []byte
	var finalized, paid, voided *time.Time
	err := row.Scan(&b.ID, &b.Number, &b.TenantID, &b.Period.Start, &b.Period.End, &b.Timezone, &b.Currency,
		&b.PlanID, &b.PlanVersion, &parts, &b.Status, &b.Total, &lines, &warnings, &b.Head.Size, &b.Head.Root,
		&b.Catalogue, &tags, &b.OfWindows, &b.SHA256, &b.CreatedAt, &finalized, &paid, &b.Payment, &voided,
		&b.VoidReason)
	if err != nil {
		return b, err
	}
	b.Period.Start, b.Period.End = b.Period.Start.UTC(), b.Period.End.UTC()
	b.CreatedAt = b.CreatedAt.UTC()
	b.FinalizedAt, b.PaidAt, b.VoidedAt = orZero(finalized), orZero(paid), orZero(voided)
	for _, part := range []struct {
		name string
		from []byte
		to   any
	}{
		{"lines", lines, &b.Lines}, {"parts", parts, &b.Parts},
		{"warnings", warnings, &b.Warnings}, {"tags", tags, &b.Tags},
	} {
		if err := json.Unmarshal(part.from, part.to); err != nil {
			return b, fmt.Errorf("read %s of bill %q: %w", part.name, b.ID, err)
		}
	}
	// Empty lists are nil, as they are on a bill that was just made.
	if len(b.Warnings) == 0 {
		b.Warnings = nil
	}
	if len(b.Parts) == 0 {
		b.Parts = nil
	}
	if len(b.Tags) == 0 {
		b.Tags = nil
	}
	return b, nil
}

// orZero turns NULL into the zero time.
func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// PutDraft stores a draft bill in place of the draft for the same tenant and
// period, if there is one: it keeps its id. A bill that is no draft any more is
// KindConflict.
func (db *DB) PutDraft(ctx context.Context, s invoq.Scope, b invoq.Bill) (invoq.Bill, error) {
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		ids, err := putDrafts(ctx, tx, []invoq.Bill{b})
		if err != nil {
			return err
		}
		id, stored := ids[b.TenantID]
		if !stored {
			return invoq.Errorf(invoq.KindConflict, "the bill for this period is final and never changes")
		}
		b, err = findBill(ctx, tx, id)
		return err
	})
	return b, wrap(err, "store draft bill of tenant %q", b.TenantID)
}

// putDrafts stores drafts of tenants, one each, and returns the ids of those
// that were stored; the others are of periods whose bills are issued.
//
// The id of a bill says whose it is, of which period and after how many void
// ones, so that storing it again, after a crash or elsewhere, gives it the same.
func putDrafts(ctx context.Context, tx pgx.Tx, bills []invoq.Bill) (map[invoq.TenantID]invoq.BillID, error) {
	args, err := draftArgs(bills)
	if err != nil {
		return nil, err
	}
	rows, _ := tx.Query(ctx, `
		INSERT INTO bills AS b (
			id, tenant_id, period_start, period_end, timezone, currency, plan_id, plan_version, status,
			total_amount, line_items, parts, warnings, head_size, head_root, catalogue, tags, sha256, corrects)
		SELECT md5(concat_ws(' ', d.tenant_id, extract(epoch FROM d.period_start),
				extract(epoch FROM d.period_end), (
				SELECT count(*)
				FROM bills v
				WHERE v.tenant_id = d.tenant_id AND v.period_end = d.period_end
					AND v.period_start = d.period_start AND v.status = 'void')))::uuid,
			d.tenant_id, d.period_start, d.period_end, d.timezone, d.currency, d.plan_id, d.plan_version,
			'draft', d.total::numeric, d.lines, d.parts, d.warnings, d.head_size,
			d.head_root, d.catalogue, d.tags, d.sha256, d.corrects::uuid[]
		FROM unnest(@tenants::uuid[], @starts::timestamptz[], @ends::timestamptz[], @timezones::text[],
				@currencies::text[], @plans::uuid[], @versions::integer[], @totals::text[], @lines::jsonb[],
				@parts::jsonb[], @warnings::jsonb[], @sizes::bigint[], @roots::text[], @catalogues::bigint[],
				@tags::jsonb[], @hashes::text[], @corrects::text[])
			AS d (tenant_id, period_start, period_end, timezone, currency, plan_id, plan_version, total, lines,
				parts, warnings, head_size, head_root, catalogue, tags, sha256, corrects)
		ON CONFLICT (tenant_id, period_start, period_end) WHERE status <> 'void' DO UPDATE
		SET timezone = excluded.timezone, currency = excluded.currency, plan_id = excluded.plan_id,
			plan_version = excluded.plan_version, total_amount = excluded.total_amount,
			line_items = excluded.line_items, parts = excluded.parts, warnings = excluded.warnings,
			head_size = excluded.head_size, head_root = excluded.head_root,
			catalogue = excluded.catalogue, tags = excluded.tags, of_windows = false,
			sha256 = excluded.sha256, corrects = excluded.corrects
		WHERE b.status = 'draft'
		RETURNING id::text, tenant_id::text`, args)
	stored := make(map[invoq.TenantID]invoq.BillID, len(bills))
	var id invoq.BillID
	var tenant invoq.TenantID
	_, err = pgx.ForEachRow(rows, []any{&id, &tenant}, func() error {
		stored[tenant] = id
		return nil
	})
	return stored, err
}

// draftArgs turns bills into columns, as unnest wants them.
func draftArgs(bills []invoq.Bill) (pgx.NamedArgs, error) {
	columns := map[string][]string{}
	add := func(name, value string) { columns[name] = append(columns[name], value) }
	var starts, ends []time.Time
	var versions []int
	var sizes, catalogues []int64
	for i := range bills {
		b := &bills[i]
		for name, v := range map[string]any{
			"lines": orEmpty(b.Lines), "parts": orEmpty(b.Parts), "warnings": orEmpty(b.Warnings),
			"tags": orEmpty(b.Tags),
		} {
			j, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("write %s of a bill: %w", name, err)
			}
			add(name, string(j))
		}
		add("tenants", string(b.TenantID))
		add("timezones", b.Timezone)
		add("currencies", string(b.Currency))
		add("plans", string(b.PlanID))
		add("totals", b.Total.String())
		add("hashes", b.SHA256)
		add("roots", b.Head.Root)
		sizes, catalogues = append(sizes, b.Head.Size), append(catalogues, b.Catalogue)
		add("corrects", correctedBy(b.Lines))
		starts, ends = append(starts, b.Period.Start), append(ends, b.Period.End)
		versions = append(versions, b.PlanVersion)
	}
	args := pgx.NamedArgs{
		"starts": starts, "ends": ends, "versions": versions, "sizes": sizes, "catalogues": catalogues,
	}
	for name, values := range columns {
		args[name] = values
	}
	return args, nil
}

// correctedBy lists the bills that lines correct, as a literal of an array.
func correctedBy(lines []invoq.BillLine) string {
	list, last := "", invoq.BillID("")
	for i := range lines {
		id := lines[i].Corrects
		if id == "" || id == last {
			continue // Lines of one bill stand together.
		}
		if list != "" {
			list += ","
		}
		list += string(id)
		last = id
	}
	return "{" + list + "}"
}

// FindBill returns a bill.
func (db *DB) FindBill(ctx context.Context, s invoq.Scope, id invoq.BillID) (invoq.Bill, error) {
	var b invoq.Bill
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		var err error
		b, err = findBill(ctx, tx, id)
		return err
	})
	return b, wrap(err, "find bill %q", id)
}

// findBill returns a bill by its id or its number.
func findBill(ctx context.Context, tx pgx.Tx, id invoq.BillID) (invoq.Bill, error) {
	rows, _ := tx.Query(ctx, `
		SELECT `+billColumns+`
		FROM bills
		WHERE id::text = lower($1) OR number = $1`, id)
	b, err := pgx.CollectExactlyOneRow(rows, scanBill)
	if err != nil && invoq.KindOf(asError(err)) == invoq.KindNotFound {
		return b, invoq.Errorf(invoq.KindNotFound, "no bill %q", id)
	}
	return b, err
}

// BillFilter says which bills to list. Zero fields do not restrict.
type BillFilter struct {
	Tenant invoq.TenantID
	Status invoq.BillStatus
	// Within holds the periods' starts.
	Within invoq.Interval
}

// ListBills returns the bills in scope, the newest period first; Page.After is
// the last id seen.
func (db *DB) ListBills(
	ctx context.Context, s invoq.Scope, f BillFilter, p invoq.Page,
) ([]invoq.Bill, error) {
	var all []invoq.Bill
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+billColumns+`
			FROM bills
			WHERE (@tenant = '' OR tenant_id = nullif(@tenant, '')::uuid)
				AND (@status = '' OR status = @status)
				AND (@start::timestamptz IS NULL OR period_start >= @start)
				AND (@end::timestamptz IS NULL OR period_start < @end)
				AND (@after = '' OR (period_start, id) < (
					SELECT period_start, id FROM bills WHERE id::text = @after))
			ORDER BY period_start DESC, id DESC
			LIMIT @limit`,
			pgx.NamedArgs{
				"tenant": string(f.Tenant), "status": string(f.Status), "after": p.After, "limit": p.Limit,
				"start": orNull(f.Within.Start), "end": orNull(f.Within.End),
			})
		var err error
		all, err = pgx.CollectRows(rows, scanBill)
		return err
	})
	return all, wrap(err, "list bills")
}

// orNull turns the zero time into NULL.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
