package postgres

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/access"
)

const keyColumns = `
	k.id::text, k.name, k.role, coalesce(k.tenant_id::text, ''), coalesce(t.name, ''), k.prefix, k.hash,
	k.created_at, k.expires_at, k.revoked_at`

// scanKey reads a row of keyColumns.
func scanKey(row pgx.CollectableRow) (access.Key, error) {
	var k access.Key
	var expires, revoked *time.Time
	err := row.Scan(&k.ID, &k.Name, &k.Role, &k.TenantID, &k.Tenant, &k.Prefix, &k.Hash,
		&k.Created, &expires, &revoked)
	k.Created = k.Created.UTC()
	if expires != nil {
		k.Expires = expires.UTC()
	}
	if revoked != nil {
		k.Revoked = revoked.UTC()
	}
	return k, err
}

// FindKey implements access.Keys.
func (db *DB) FindKey(ctx context.Context, prefix string) (access.Key, error) {
	var k access.Key
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+keyColumns+`
			FROM api_keys k
			LEFT JOIN tenants t ON t.id = k.tenant_id
			WHERE k.prefix = $1`, prefix)
		var err error
		k, err = pgx.CollectExactlyOneRow(rows, scanKey)
		return err
	})
	return k, wrap(err, "find key")
}

// CreateKey stores a new key, whose prefix and hash the caller has made.
func (db *DB) CreateKey(ctx context.Context, s invoq.Scope, k access.Key) (access.Key, error) {
	k.ID = access.KeyID(newID())
	var expires *time.Time
	if !k.Expires.IsZero() {
		expires = &k.Expires
	}
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			WITH k AS (
				INSERT INTO api_keys (id, tenant_id, name, role, prefix, hash, expires_at)
				VALUES (@id, nullif(@tenant_id, '')::uuid, @name, @role, @prefix, @hash, @expires_at)
				RETURNING *
			)
			SELECT `+keyColumns+`
			FROM k
			LEFT JOIN tenants t ON t.id = k.tenant_id`,
			pgx.NamedArgs{
				"id": string(k.ID), "tenant_id": string(k.TenantID), "name": k.Name, "role": k.Role,
				"prefix": k.Prefix, "hash": k.Hash, "expires_at": expires,
			})
		var err error
		k, err = pgx.CollectExactlyOneRow(rows, scanKey)
		return err
	})
	return k, wrap(err, "create key %q", k.Name)
}

// ListKeys returns the keys in scope by id; Page.After is the last id seen.
func (db *DB) ListKeys(ctx context.Context, s invoq.Scope, p invoq.Page) ([]access.Key, error) {
	var all []access.Key
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+keyColumns+`
			FROM api_keys k
			LEFT JOIN tenants t ON t.id = k.tenant_id
			WHERE k.id::text > $1
			ORDER BY k.id::text
			LIMIT $2`, p.After, p.Limit)
		var err error
		all, err = pgx.CollectRows(rows, scanKey)
		return err
	})
	return all, wrap(err, "list keys")
}

// RevokeKey ends a key at once and for good; it returns the key.
func (db *DB) RevokeKey(ctx context.Context, s invoq.Scope, id access.KeyID) (access.Key, error) {
	var k access.Key
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			WITH k AS (
				UPDATE api_keys
				SET revoked_at = coalesce(revoked_at, now())
				WHERE id::text = lower($1)
				RETURNING *
			)
			SELECT `+keyColumns+`
			FROM k
			LEFT JOIN tenants t ON t.id = k.tenant_id`, string(id))
		var err error
		k, err = pgx.CollectExactlyOneRow(rows, scanKey)
		return err
	})
	if invoq.KindOf(err) == invoq.KindNotFound {
		return k, invoq.Errorf(invoq.KindNotFound, "no key %q", id)
	}
	return k, wrap(err, "revoke key %q", id)
}

// HasOwnerKey reports whether any owner key is in force.
func (db *DB) HasOwnerKey(ctx context.Context) (bool, error) {
	var has bool
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT EXISTS (
				SELECT FROM api_keys
				WHERE role = 'owner' AND revoked_at IS NULL
					AND (expires_at IS NULL OR expires_at > now()))`).Scan(&has)
	})
	return has, wrap(err, "look for an owner key")
}

// Secret returns 32 random bytes that were made when the name was first asked
// for and stay the same ever after.
func (db *DB) Secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh) // Never fails: it would crash the program first.
	var value []byte
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO secrets (name, value)
			VALUES ($1, $2)
			ON CONFLICT (name) DO NOTHING`, name, fresh)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT value FROM secrets WHERE name = $1`, name).Scan(&value)
	})
	return value, wrap(err, "read secret %q", name)
}
