package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"invoq"
	"invoq/ledger"
)

// ledgerLock keeps writers of the book from working in vain: two that appended
// to the same tree would fail at the key of ledger_batches.
const ledgerLock = 0x6c656467 // "ledg"

// Identify returns under which ids the book knows the persons, and registers
// tenants and users that are new.
func (db *DB) Identify(ctx context.Context, persons []ledger.Person) ([]ledger.Identity, error) {
	tenants, users := make([]string, len(persons)), make([]string, len(persons))
	for i, p := range persons {
		tenants[i], users[i] = string(p.Tenant), p.User
	}
	var ids []ledger.Identity
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO tenants (id, name, currency, timezone)
			SELECT gen_random_uuid(), name, $2, $3
			FROM (SELECT DISTINCT unnest($1::text[]) AS name ORDER BY name) AS named
			ON CONFLICT (name) DO NOTHING`,
			tenants, invoq.DefaultCurrency, invoq.DefaultTimezone)
		if err != nil {
			return fmt.Errorf("register tenants: %w", err)
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO ledger_users (id, tenant_id, name)
			SELECT gen_random_uuid(), t.id, p.name
			FROM unnest($1::text[], $2::text[]) AS p (tenant, name)
			JOIN tenants t ON t.name = p.tenant
			ORDER BY t.id, p.name
			ON CONFLICT (tenant_id, name) DO NOTHING`, tenants, users)
		if err != nil {
			return fmt.Errorf("register users: %w", err)
		}
		rows, _ := tx.Query(ctx, `
			SELECT t.id::text, u.id::text
			FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS p (tenant, name, n)
			JOIN tenants t ON t.name = p.tenant
			JOIN ledger_users u ON u.tenant_id = t.id AND u.name = p.name
			ORDER BY p.n`, tenants, users)
		ids, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ledger.Identity])
		return err
	})
	if err == nil && len(ids) != len(persons) {
		err = fmt.Errorf("%d of %d persons were found", len(ids), len(persons))
	}
	return ids, wrap(err, "identify %d persons", len(persons))
}

// Tail returns the size of the book and the root of the tree over it.
func (db *DB) Tail(ctx context.Context) (size int64, root tlog.Hash, err error) {
	err = db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		size, root, err = tail(ctx, tx)
		return err
	})
	return size, root, wrap(err, "read tail of the book")
}

func tail(ctx context.Context, tx pgx.Tx) (size int64, root tlog.Hash, err error) {
	var b []byte
	err = tx.QueryRow(ctx, `
		SELECT coalesce(max(first_entry + entries), 0),
			(SELECT root FROM ledger_batches ORDER BY first_entry DESC LIMIT 1)
		FROM (
			SELECT first_entry, entries
			FROM ledger_batches
			ORDER BY first_entry DESC
			LIMIT 1
		) AS last`).Scan(&size, &b)
	if err == nil && size > 0 && len(b) != tlog.HashSize {
		err = fmt.Errorf("the last batch's root has %d bytes", len(b))
	}
	copy(root[:], b)
	return size, root, err
}

// Hashes returns stored hashes of the tree by their indexes.
func (db *DB) Hashes(ctx context.Context, indexes []int64) (all []tlog.Hash, err error) {
	err = db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		all, err = hashes(ctx, tx, indexes)
		return err
	})
	return all, wrap(err, "read hashes of the book")
}

func hashes(ctx context.Context, tx pgx.Tx, indexes []int64) ([]tlog.Hash, error) {
	rows, _ := tx.Query(ctx, `
		SELECT substr(b.hashes, ((q.i - b.first_hash) * 32 + 1)::integer, 32)
		FROM unnest($1::bigint[]) WITH ORDINALITY AS q (i, n)
		CROSS JOIN LATERAL (
			SELECT first_hash, hashes
			FROM ledger_batches
			WHERE first_hash <= q.i
			ORDER BY first_hash DESC
			LIMIT 1
		) AS b
		ORDER BY q.n`, indexes)
	all, err := pgx.CollectRows(rows, scanHash)
	if err == nil && len(all) != len(indexes) {
		err = fmt.Errorf("%d of %d hashes are stored", len(all), len(indexes))
	}
	return all, err
}

func scanHash(row pgx.CollectableRow) (tlog.Hash, error) {
	var b []byte
	if err := row.Scan(&b); err != nil {
		return tlog.Hash{}, err
	}
	if len(b) != tlog.HashSize {
		return tlog.Hash{}, fmt.Errorf("a stored hash has %d bytes", len(b))
	}
	return tlog.Hash(b), nil
}

// Known returns those of the keys that are in the book.
func (db *DB) Known(
	ctx context.Context, ids []ledger.KeyID,
) (map[ledger.KeyID]ledger.Key, error) {
	known := map[ledger.KeyID]ledger.Key{}
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT id, content, first_entry
			FROM ledger_keys
			WHERE id = ANY($1::uuid[])`, uuidsOf(ids))
		var k ledger.Key
		_, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&k.ID), (*[16]byte)(&k.Content), &k.Batch},
			func() error {
				known[k.ID] = k
				return nil
			})
		return err
	})
	return known, wrap(err, "find %d keys", len(ids))
}

// PutHead keeps a signed head beside the book.
func (db *DB) PutHead(ctx context.Context, h ledger.Head, note string) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO ledger_heads (size, signed_at, note)
			VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`, h.Size, h.Time, note)
		return err
	})
	return wrap(err, "store head of %d entries", h.Size)
}

// monthOf returns the first day of the month whose partition holds the time.
func monthOf(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}
