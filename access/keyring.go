package access

import (
	"context"
	"crypto/subtle"
	"sync"
	"time"

	"invoq"
)

// How long an answer about a key is used: fresh for a moment, so that a revoked
// key is refused within it; stale only while the database does not answer.
const (
	fresh = 5 * time.Second
	stale = 24 * time.Hour
	// pause is how long a database that did not answer is left alone.
	pause = time.Second
)

// maxCached bounds the cache; prefixes are the callers' to invent.
const maxCached = 10_000

// Identity is who a request comes from.
type Identity struct {
	KeyID KeyID
	Role  Role
	// TenantID and Tenant are empty for a key that is not bound to a tenant.
	TenantID invoq.TenantID
	Tenant   invoq.TenantName
}

// Scope returns whose rows the identity may touch.
func (i Identity) Scope() invoq.Scope {
	if i.Role == Owner {
		return invoq.Everyone()
	}
	return invoq.Only(i.TenantID)
}

// Keys finds stored keys.
type Keys interface {
	// FindKey returns the key with the public prefix, or KindNotFound.
	FindKey(ctx context.Context, prefix string) (Key, error)
}

// Keyring checks presented keys. It is safe for concurrent use.
type Keyring struct {
	keys   Keys
	pepper []byte
	now    func() time.Time

	mu    sync.Mutex
	cache map[string]cached
}

// cached is a key as it was read, and when.
type cached struct {
	key Key
	at  time.Time
	// failed is when the database did not answer since; it is not asked again
	// at once, or every request would wait for it.
	failed time.Time
	// asked is when somebody asked again while the answer was still fresh: one
	// does, or in a crowd all would at the moment at which it is not any more.
	asked time.Time
}

// NewKeyring returns a keyring over stored keys whose hashes were made with the
// pepper.
func NewKeyring(keys Keys, pepper []byte, now func() time.Time) *Keyring {
	return &Keyring{keys: keys, pepper: pepper, now: now, cache: map[string]cached{}}
}

// Authenticate returns who the presented key belongs to. Errors are of
// KindUnauthenticated, whatever was wrong, or KindUnavailable.
func (r *Keyring) Authenticate(ctx context.Context, presented string) (Identity, error) {
	secret, err := ParseSecret(presented)
	if err != nil {
		return Identity{}, err
	}
	key, err := r.find(ctx, secret.Prefix())
	if invoq.KindOf(err) == invoq.KindNotFound {
		return Identity{}, invoq.Errorf(invoq.KindUnauthenticated, "the API key is not known")
	}
	if err != nil {
		return Identity{}, err
	}
	if subtle.ConstantTimeCompare(secret.Hash(r.pepper), key.Hash) != 1 {
		return Identity{}, invoq.Errorf(invoq.KindUnauthenticated, "the API key is not known")
	}
	return r.identify(key)
}

// Behind returns who the key with the public prefix belongs to, for a session
// that was opened with it: the session ends with the key.
func (r *Keyring) Behind(ctx context.Context, prefix string) (Identity, error) {
	key, err := r.find(ctx, prefix)
	if invoq.KindOf(err) == invoq.KindNotFound {
		return Identity{}, invoq.Errorf(invoq.KindUnauthenticated, "the API key is not known")
	}
	if err != nil {
		return Identity{}, err
	}
	return r.identify(key)
}

// identify says whose key it is, unless it was revoked or has expired.
func (r *Keyring) identify(key Key) (Identity, error) {
	if err := key.Live(r.now()); err != nil {
		return Identity{}, err
	}
	return Identity{KeyID: key.ID, Role: key.Role, TenantID: key.TenantID, Tenant: key.Tenant}, nil
}

// Forget drops what is known of a key, after it was changed here.
func (r *Keyring) Forget(prefix string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.cache, prefix)
}

// find reads a key by its prefix, which is not secret.
func (r *Keyring) find(ctx context.Context, prefix string) (Key, error) {
	r.mu.Lock()
	known, ok := r.cache[prefix]
	r.mu.Unlock()
	now := r.now()
	if ok && (r.usable(prefix, known, now) || now.Sub(known.failed) < pause && now.Sub(known.at) < stale) {
		return known.key, nil
	}
	key, err := r.keys.FindKey(ctx, prefix)
	switch {
	case err == nil:
	case ok && invoq.KindOf(err) != invoq.KindNotFound && now.Sub(known.at) < stale:
		known.failed = now
		r.keep(prefix, known)
		return known.key, nil // The database is away; who was good stays good.
	default:
		return Key{}, err
	}
	r.keep(prefix, cached{key: key, at: now})
	return key, nil
}

// usable reports whether what is known is fresh and the caller is not the one who
// should ask again early.
func (r *Keyring) usable(prefix string, known cached, now time.Time) bool {
	age := now.Sub(known.at)
	if age < fresh/2 || age >= fresh {
		return age < fresh
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	current, ok := r.cache[prefix]
	if !ok || now.Sub(current.asked) < pause {
		return ok
	}
	current.asked = now
	r.cache[prefix] = current
	return false
}

func (r *Keyring) keep(prefix string, c cached) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cache) >= maxCached {
		clear(r.cache)
	}
	r.cache[prefix] = c
}
