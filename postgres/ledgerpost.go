package postgres

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"invoq"
	"invoq/ledger"
)

// Post appends to the book in one transaction: the keys of requests that are
// new, their entries, the windows that the entries add to, and the batch that
// they make.
func (db *DB) Post(ctx context.Context, p ledger.Posting) error {
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", ledgerLock); err != nil {
			return fmt.Errorf("lock the book: %w", err)
		}
		size, root, err := tail(ctx, tx)
		if err != nil {
			return fmt.Errorf("read tail of the book: %w", err)
		}
		known, err := putKeys(ctx, tx, p.Keys, size)
		if err != nil {
			return fmt.Errorf("store keys: %w", err)
		}
		var changes int64
		err = tx.QueryRow(ctx, "SELECT coalesce(max(change), 0) FROM ledger_source_changes").Scan(&changes)
		if err != nil {
			return fmt.Errorf("read how often sources were changed: %w", err)
		}
		read := func(indexes []int64) ([]tlog.Hash, error) { return hashes(ctx, tx, indexes) }
		batch, refused, err := p.Build(
			ledger.Tail{
				Size: size, Root: root, Hashes: tlog.HashReaderFunc(read), SourceChanges: changes,
			}, known)
		if err != nil {
			return err
		}
		if err := putRefusals(ctx, tx, refused); err != nil {
			return fmt.Errorf("store refusals: %w", err)
		}
		if batch.Count == 0 {
			return nil
		}
		if err := db.putEntries(ctx, tx, batch.Entries); err != nil {
			return fmt.Errorf("store entries: %w", err)
		}
		if err := putEventWindows(ctx, tx, batch.Windows); err != nil {
			return fmt.Errorf("add to windows: %w", err)
		}
		return putBatch(ctx, tx, batch)
	})
	// Only a writer that does not take the lock could come in between.
	if conflict(err, "ledger_batches_pkey") {
		return invoq.Errorf(invoq.KindUnavailable, "another writer appended to the book; try again")
	}
	return wrap(err, "post %d requests", len(p.Keys))
}

// putKeys stores the keys that are new and returns those that are not. Keys of
// this posting are told from older ones by their batch.
func putKeys(
	ctx context.Context, tx pgx.Tx, keys []ledger.Key, size int64,
) (map[ledger.KeyID]ledger.ContentID, error) {
	// Fast path: all are new, which takes half the time.
	copied, err := copyKeys(ctx, tx, keys, size)
	if err != nil || copied {
		return nil, err
	}
	ids, contents := make(uuidArray, len(keys)), make(uuidArray, len(keys))
	for i, k := range keys {
		ids[i], contents[i] = k.ID, k.Content
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO ledger_keys (id, content, first_entry)
		SELECT id, content, $3
		FROM unnest($1::uuid[], $2::uuid[]) AS k (id, content)
		ON CONFLICT (id) DO NOTHING`, ids, contents, size)
	if err != nil {
		return nil, err
	}
	known := map[ledger.KeyID]ledger.ContentID{}
	rows, _ := tx.Query(ctx, `
		SELECT id, content
		FROM ledger_keys
		WHERE id = ANY($1::uuid[]) AND first_entry <> $2`, ids, size)
	var id, content [16]byte
	_, err = pgx.ForEachRow(rows, []any{&id, &content}, func() error {
		known[id] = content
		return nil
	})
	return known, err
}

// copyKeys stores the keys if all are new, and none of them if one is not.
func copyKeys(ctx context.Context, tx pgx.Tx, keys []ledger.Key, size int64) (bool, error) {
	rows := append(make([]byte, 0, copyKeyBytes*(len(keys)+1)), copyHeader...)
	for i := range keys {
		rows = appendCopyKey(rows, &keys[i], size)
	}
	rows = append(rows, copyTrailer...)
	err := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error { // A savepoint.
		_, err := inner.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows),
			"COPY ledger_keys (id, content, first_entry) FROM STDIN (FORMAT binary)")
		return err
	})
	if conflict(err, "ledger_keys_pkey") {
		return false, nil
	}
	return err == nil, err
}

// putRefusals notes requests that are not posted, once each.
func putRefusals(ctx context.Context, tx pgx.Tx, refused []ledger.Refusal) error {
	if len(refused) == 0 {
		return nil
	}
	n := len(refused)
	ids, contents := make(uuidArray, n), make(uuidArray, n)
	tenants, requests, reasons := make([]string, n), make([]string, n), make([]string, n)
	for i, r := range refused {
		ids[i], contents[i] = r.Key.ID, r.Key.Content
		tenants[i], requests[i], reasons[i] = string(r.Tenant), r.RequestID, r.Reason
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO ledger_refusals (id, content, tenant_id, request_id, reason)
		SELECT id, content, tenant_id, request_id, reason
		FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
			AS r (id, content, tenant_id, request_id, reason)
		ON CONFLICT DO NOTHING`, ids, contents, tenants, requests, reasons)
	return err
}

// putEntries copies entries into the partitions of their months.
func (db *DB) putEntries(ctx context.Context, tx pgx.Tx, entries []ledger.Entry) error {
	months := map[time.Time][]byte{}
	var order []time.Time
	for i := range entries {
		month := monthOf(entries[i].EventTime)
		rows, seen := months[month]
		if !seen {
			order = append(order, month)
			rows = append(make([]byte, 0, copyBytes*len(entries)), copyHeader...)
		}
		var err error
		if months[month], err = appendCopy(rows, &entries[i]); err != nil {
			return err
		}
	}
	slices.SortFunc(order, time.Time.Compare)
	for _, month := range order {
		var partition string
		err := tx.QueryRow(ctx, "SELECT ledger_partition($1::date)", month).Scan(&partition)
		if err != nil {
			return fmt.Errorf("make partition of %s: %w", month.Format("2006-01"), err)
		}
		copyIn := "COPY " + pgx.Identifier{partition}.Sanitize() + " (" + entryColumns +
			") FROM STDIN (FORMAT binary)"
		rows := append(months[month], copyTrailer...)
		_, err = tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows), copyIn)
		if err != nil {
			return fmt.Errorf("copy into %s: %w", partition, err)
		}
	}
	return nil
}

// putBatch stores what the posting has appended to the tree.
func putBatch(ctx context.Context, tx pgx.Tx, b ledger.Batch) error {
	hashes := make([]byte, 0, len(b.Hashes)*tlog.HashSize)
	for i := range b.Hashes {
		hashes = append(hashes, b.Hashes[i][:]...)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO ledger_batches (first_entry, first_hash, entries, root, hashes, posted_at)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		b.First, tlog.StoredHashIndex(0, b.First), b.Count, b.Root[:], hashes, b.PostedAt)
	return wrap(err, "store batch at %d", b.First)
}
