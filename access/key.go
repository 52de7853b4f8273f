package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"time"

	"invoq"
)

// Sizes of a key's parts in bytes, before they are spelled out.
const (
	prefixBytes = 5
	secretBytes = 32
)

// mark begins every key, so that scanners of leaked secrets know it.
const mark = "ivq"

var spelling = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// KeyID identifies a stored key: a lower-case UUID.
type KeyID string

// Key is a stored API key: everything but the secret.
type Key struct {
	ID       KeyID
	Name     string
	Role     Role
	TenantID invoq.TenantID // empty: not bound to a tenant
	Tenant   invoq.TenantName
	Prefix   string // public; what the key is found by
	Hash     []byte // HMAC-SHA-256 of the whole key, 32 bytes
	Created  time.Time
	Expires  time.Time // zero: never
	Revoked  time.Time // zero: in force
}

// Validate checks a key to be made. Errors are of KindUnprocessable.
func (k Key) Validate() error {
	if err := invoq.ValidateName("key name", k.Name); err != nil {
		return err
	}
	if err := k.Role.Validate(); err != nil {
		return err
	}
	switch bound := k.TenantID != ""; {
	case k.Role == Owner && bound:
		return invoq.Errorf(invoq.KindUnprocessable, "an owner key reaches all tenants; give it no tenant_id")
	case (k.Role == Tenant || k.Role == Viewer) && !bound:
		return invoq.Errorf(invoq.KindUnprocessable, "a %s key needs the tenant_id that it is for", k.Role)
	}
	return nil
}

// Live returns an error of KindUnauthenticated for a key that is over.
func (k Key) Live(now time.Time) error {
	if !k.Revoked.IsZero() {
		return invoq.Errorf(invoq.KindUnauthenticated, "the API key has been revoked")
	}
	if !k.Expires.IsZero() && !now.Before(k.Expires) {
		return invoq.Errorf(invoq.KindUnauthenticated, "the API key has expired")
	}
	return nil
}

// Secret is a whole API key as its holder knows it. It does not print itself.
type Secret struct{ text string }

// NewSecret mints a key: mark, public prefix, secret and checksum.
func NewSecret() Secret {
	var b [prefixBytes + secretBytes]byte
	rand.Read(b[:]) // Never fails: it would crash the program first.
	body := mark + "_" + spelling.EncodeToString(
		b[:prefixBytes],
	) + "_" + spelling.EncodeToString(
		b[prefixBytes:],
	)
	return Secret{body + checksum(body)}
}

// ParseSecret reads a key as a caller presents it. It tells a mistyped key from
// an unknown one without asking anybody.
func ParseSecret(s string) (Secret, error) {
	body, sum := cutTail(s, checksumLen)
	if !strings.HasPrefix(s, mark+"_") || strings.Count(s, "_") != 2 || checksum(body) != sum {
		return Secret{}, invoq.Errorf(invoq.KindUnauthenticated, "this is not an API key of this server")
	}
	return Secret{s}, nil
}

// Reveal returns the key in full, to be shown once to whom it is for.
func (s Secret) Reveal() string { return s.text }

// String hides the key: secrets do not belong in logs.
func (s Secret) String() string { return mark + "_" + s.Prefix() + "_…" }

// GoString hides the key as String does.
func (s Secret) GoString() string { return s.String() }

// Prefix returns the public part that the key is found by.
func (s Secret) Prefix() string {
	parts := strings.SplitN(s.text, "_", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// Hash returns what is stored of the key, under the server's secret.
func (s Secret) Hash(pepper []byte) []byte {
	h := hmac.New(sha256.New, pepper)
	h.Write([]byte(s.text))
	return h.Sum(nil)
}

// checksumLen is the length of four bytes spelled out.
const checksumLen = 7

// checksum ends a key, so that a mistyped one is known without a look-up.
func checksum(body string) string {
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE([]byte(body)))
	return spelling.EncodeToString(sum[:])
}

// cutTail splits off the last n bytes.
func cutTail(s string, n int) (head, tail string) {
	if len(s) < n {
		return "", s
	}
	return s[:len(s)-n], s[len(s)-n:]
}
