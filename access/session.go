package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"time"

	"invoq"
)

// How long a browser stays signed in, and a one-time link may be used.
const (
	sessionLife = 12 * time.Hour
	ticketLife  = 15 * time.Minute
)

// maxTickets bounds the one-time links that are out at a time.
const maxTickets = 100

// Sessions keep browsers signed in by a signed cookie that names an API key and
// an end. The cookie is worth no more than its key: it ends when that does. It
// is safe for concurrent use.
type Sessions struct {
	ring   *Keyring
	secret []byte
	now    func() time.Time

	mu      sync.Mutex
	tickets map[string]ticket
}

// ticket is what a link that signs in stands for, and how long it does.
type ticket struct {
	prefix string
	until  time.Time
}

// NewSessions returns sessions signed with the secret.
func NewSessions(ring *Keyring, secret []byte, now func() time.Time) *Sessions {
	return &Sessions{ring: ring, secret: secret, now: now, tickets: map[string]ticket{}}
}

// Open returns the value of a cookie for the key with the public prefix.
func (s *Sessions) Open(prefix string) string {
	body := prefix + "." + strconv.FormatInt(s.now().Add(sessionLife).Unix(), 10)
	return body + "." + s.sign(body)
}

// Identity returns who a cookie belongs to. Errors are of KindUnauthenticated
// or KindUnavailable.
func (s *Sessions) Identity(ctx context.Context, cookie string) (Identity, error) {
	i := strings.LastIndexByte(cookie, '.')
	if i < 0 || !hmac.Equal([]byte(s.sign(cookie[:i])), []byte(cookie[i+1:])) {
		return Identity{}, invoq.Errorf(invoq.KindUnauthenticated, "sign in first")
	}
	prefix, until, _ := strings.Cut(cookie[:i], ".")
	end, err := strconv.ParseInt(until, 10, 64)
	if err != nil || s.now().Unix() >= end {
		return Identity{}, invoq.Errorf(invoq.KindUnauthenticated, "the session is over; sign in again")
	}
	return s.ring.Behind(ctx, prefix)
}

// Ticket returns a word that Redeem takes once, for a link that signs in.
func (s *Sessions) Ticket(prefix string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tickets) >= maxTickets {
		clear(s.tickets)
	}
	word := rand.Text()
	s.tickets[word] = ticket{prefix: prefix, until: s.now().Add(ticketLife)}
	return word
}

// Redeem turns a ticket into the value of a cookie, once.
func (s *Sessions) Redeem(word string) (string, error) {
	s.mu.Lock()
	t, ok := s.tickets[word]
	delete(s.tickets, word)
	s.mu.Unlock()
	if !ok || !s.now().Before(t.until) {
		return "", invoq.Errorf(
			invoq.KindUnauthenticated,
			"this link was used already or is too old; sign in with an API key",
		)
	}
	return s.Open(t.prefix), nil
}

// sign returns the HMAC of a body.
func (s *Sessions) sign(body string) string {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
