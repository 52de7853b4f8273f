package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/mod/sumdb/tlog"

	"invoq"
	"invoq/ledger"
)

// selectEntry are entryColumns as scanEntry reads them.
const selectEntry = `position, tenant_id::text, user_id::text, platform, provider, namespace, ` +
	`service, revision, meter, quantity, catalogue, currency, unit_cost, real_cost, billed_cost, ` +
	`model, request_id, corrects, labels, event_time, received_at, billed_currency`

// scanEntry reads a row of selectEntry.
func scanEntry(row pgx.CollectableRow) (ledger.Entry, error) {
	var e ledger.Entry
	var unit, realCost, billed *invoq.Decimal
	err := row.Scan(&e.Position, &e.TenantID, &e.UserID, &e.Platform, &e.Provider, &e.Namespace,
		&e.Service, &e.Revision, &e.Meter, &e.Quantity, &e.Catalogue, &e.Currency, &unit, &realCost,
		&billed, &e.Model, &e.RequestID, &e.Corrects, &e.Labels, &e.EventTime, &e.ReceivedAt,
		&e.BilledCurrency)
	if err != nil {
		return e, err
	}
	// Both or neither, as they were written. One alone was put there since: it is
	// read as a cost, so that it is not what was hashed.
	if unit != nil || realCost != nil {
		e.Costed, e.UnitCost, e.RealCost = true, known(unit), known(realCost)
	}
	if billed != nil {
		e.Priced, e.BilledCost = true, *billed
	}
	e.EventTime, e.ReceivedAt = e.EventTime.UTC(), e.ReceivedAt.UTC()
	return e, nil
}

// known returns a number, 0 for one that is not known.
func known(d *invoq.Decimal) invoq.Decimal {
	if d == nil {
		return invoq.Decimal{}
	}
	return *d
}

// Entries returns the entries in scope at positions from until before to, in
// their order.
func (db *DB) Entries(ctx context.Context, s invoq.Scope, from, to int64) ([]ledger.Entry, error) {
	var all []ledger.Entry
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+selectEntry+`
			FROM ledger_entries
			WHERE position >= $1 AND position < $2
			ORDER BY position, request_id, meter`, from, to)
		var err error
		all, err = pgx.CollectRows(rows, scanEntry)
		return err
	})
	return all, wrap(damaged(err), "read entries %d to %d", from, to)
}

// damaged marks the errors of stored bytes that make no sense: those of the
// database's class XX, internal error and corrupted data, and values that
// cannot be scanned.
func damaged(err error) error {
	var pg *pgconn.PgError
	var scan pgx.ScanArgError
	if errors.As(err, &pg) && strings.HasPrefix(pg.Code, "XX") || errors.As(err, &scan) {
		return fmt.Errorf("%w: %w", ledger.ErrDamaged, err)
	}
	return err
}

// Batches returns the batches that begin at or after a position, in their
// order, without their entries.
func (db *DB) Batches(ctx context.Context, from int64, limit int) ([]ledger.Batch, error) {
	var all []ledger.Batch
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT first_entry, entries, first_hash, root, hashes, posted_at
			FROM ledger_batches
			WHERE first_entry >= $1
			ORDER BY first_entry
			LIMIT $2`, from, limit)
		var err error
		all, err = pgx.CollectRows(rows, scanBatch)
		return err
	})
	return all, wrap(err, "read batches from %d", from)
}

func scanBatch(row pgx.CollectableRow) (ledger.Batch, error) {
	var b ledger.Batch
	var root, hashes []byte
	if err := row.Scan(&b.First, &b.Count, &b.FirstHash, &root, &hashes, &b.PostedAt); err != nil {
		return b, err
	}
	if len(root) != tlog.HashSize || len(hashes)%tlog.HashSize != 0 {
		return b, fmt.Errorf("hashes of batch at %d have %d bytes", b.First, len(hashes))
	}
	b.Root, b.PostedAt = tlog.Hash(root), b.PostedAt.UTC()
	for ; len(hashes) > 0; hashes = hashes[tlog.HashSize:] {
		b.Hashes = append(b.Hashes, tlog.Hash(hashes[:tlog.HashSize]))
	}
	return b, nil
}

// Notes returns the signed heads beside the book, the smallest first.
func (db *DB) Notes(ctx context.Context) ([]string, error) {
	var notes []string
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, "SELECT note FROM ledger_heads ORDER BY size, signed_at")
		var err error
		notes, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return notes, wrap(err, "read signed heads")
}

// KeyCounts returns how many keys each batch has, by the batch's first entry.
func (db *DB) KeyCounts(ctx context.Context) (map[int64]int, error) {
	counts := map[int64]int{}
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT first_entry, count(*)::integer
			FROM ledger_keys
			GROUP BY first_entry`)
		var first int64
		var n int
		_, err := pgx.ForEachRow(rows, []any{&first, &n}, func() error {
			counts[first] = n
			return nil
		})
		return err
	})
	return counts, wrap(err, "count keys")
}

// Strays returns how many entries lie beyond the last batch, which no writer
// has put there.
func (db *DB) Strays(ctx context.Context) (int64, error) {
	var n int64
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT count(*)
			FROM ledger_entries
			WHERE position < 0 OR position >= (
				SELECT coalesce(max(first_entry + entries), 0)
				FROM ledger_batches)`).Scan(&n)
	})
	return n, wrap(err, "count stray entries")
}
