package access

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"invoq"
)

type keys map[string]Key

func (k keys) FindKey(_ context.Context, prefix string) (Key, error) {
	if k == nil {
		return Key{}, invoq.Errorf(invoq.KindUnavailable, "down")
	}
	key, ok := k[prefix]
	if !ok {
		return Key{}, invoq.Errorf(invoq.KindNotFound, "no key")
	}
	return key, nil
}

func TestKeyring(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	pepper := []byte("pepper")
	good, other := NewSecret(), NewSecret()
	stored := keys{good.Prefix(): {
		ID:       "k1",
		Role:     Tenant,
		TenantID: "t1",
		Tenant:   "acme",
		Prefix:   good.Prefix(),
		Hash:     good.Hash(pepper),
		Expires:  now.Add(time.Hour),
	}}
	ring := NewKeyring(stored, pepper, func() time.Time { return now })
	f := func(presented, want string) {
		t.Helper()
		id, err := ring.Authenticate(t.Context(), presented)
		got := string(id.Tenant)
		if err != nil {
			got = string(invoq.KindOf(err)) + ": " + err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(good.Reveal(), "acme")
	f(other.Reveal(), "unauthenticated: the API key is not known")
	f(good.Reveal()[:len(good.Reveal())-1]+"x", "unauthenticated: this is not an API key of this server")
	f("", "unauthenticated: this is not an API key of this server")
	// The prefix of one key with the secret of another.
	forged := mark + "_" + good.Prefix() + "_" + strings.SplitN(other.Reveal(), "_", 3)[2]
	body, _ := cutTail(forged, checksumLen)
	f(body+checksum(body), "unauthenticated: the API key is not known")

	// A revoked key is good for a moment, and no longer.
	revoked := stored[good.Prefix()]
	revoked.Revoked = now
	stored[good.Prefix()] = revoked
	f(good.Reveal(), "acme")
	now = now.Add(fresh)
	f(good.Reveal(), "unauthenticated: the API key has been revoked")

	revoked.Revoked = time.Time{}
	stored[good.Prefix()] = revoked
	ring.Forget(good.Prefix())
	f(good.Reveal(), "acme")
	// The database is away: who was good stays good, until the key expires.
	ring.keys = keys(nil)
	now = now.Add(30 * time.Minute)
	f(good.Reveal(), "acme")
	f(other.Reveal(), "unavailable: down")
	now = now.Add(30 * time.Minute)
	f(good.Reveal(), "unauthenticated: the API key has expired")
}

func TestSecretDoesNotPrintItself(t *testing.T) {
	s := NewSecret()
	for _, printed := range []string{fmt.Sprint(s), fmt.Sprintf("%v %s %q", s, s, s), fmt.Sprintf("%#v %+v", s, s)} {
		if strings.Contains(printed, s.Reveal()) || !strings.Contains(printed, s.Prefix()) {
			t.Errorf("printed %q", printed)
		}
	}
}

func TestRoles(t *testing.T) {
	f := func(r Role, p Permission, want bool) {
		t.Helper()
		if got := r.May(p); got != want {
			t.Errorf("%s may %s: %v", r, p, got)
		}
	}
	for _, p := range Permissions() {
		f(Owner, p, true)
		f("", p, p == Public)
		f(Ingest, p, p == Public || p == WriteSamples)
	}
	f(Viewer, ReadUsage, true)
	f(Viewer, WriteSamples, false)
	f(Tenant, ManageTenants, false)
	f(Tenant, WriteBills, false)
}

func TestSessions(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	pepper := []byte("pepper")
	secret := NewSecret()
	stored := keys{
		secret.Prefix(): {ID: "k1", Role: Owner, Prefix: secret.Prefix(), Hash: secret.Hash(pepper)},
	}
	s := NewSessions(NewKeyring(stored, pepper, clock), []byte("session secret"), clock)
	other := NewSessions(NewKeyring(stored, pepper, clock), []byte("another secret"), clock)
	f := func(s *Sessions, cookie string, want Role) {
		t.Helper()
		id, err := s.Identity(t.Context(), cookie)
		if id.Role != want || (err == nil) != (want != "") {
			t.Errorf("got %q, %v, want %q", id.Role, err, want)
		}
	}
	cookie := s.Open(secret.Prefix())
	f(s, cookie, Owner)
	f(other, cookie, "")
	f(s, cookie+"x", "")
	f(s, "x"+cookie, "")
	f(s, "", "")
	f(s, "a.b", "")
	f(s, s.Open("nobody"), "")

	ticket := s.Ticket(secret.Prefix())
	opened, err := s.Redeem(ticket)
	if err != nil {
		t.Fatal(err)
	}
	f(s, opened, Owner)
	if _, err := s.Redeem(ticket); err == nil {
		t.Error("a ticket was good twice")
	}
	late := s.Ticket(secret.Prefix())
	now = now.Add(ticketLife)
	if _, err := s.Redeem(late); err == nil {
		t.Error("a ticket was good too long")
	}
	now = now.Add(sessionLife)
	f(s, cookie, "")
}
