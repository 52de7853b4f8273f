package ledger

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"invoq"
)

// Batch is what one transaction appends to the book: entries and the hashes of
// the tree over them.
type Batch struct {
	// First is the position of the first entry, and so the size of the book
	// before the batch.
	First int64
	// Count is the number of entries; Entries are not always read with a batch.
	Count   int
	Entries []Entry
	// Hashes are those that package tlog stores for the entries, one after
	// the other, from tlog.StoredHashIndex(0, First).
	Hashes []tlog.Hash
	// FirstHash is that index as it is stored, by which proofs find the hashes. It
	// is set where a batch is read.
	FirstHash int64
	// Root is that of the tree with the batch.
	Root     tlog.Hash
	PostedAt time.Time
	// Windows are what the entries add to windows of every size, by the events
	// of functions among them. They are not read with a batch.
	Windows []invoq.Usage
}

// End returns the size of the book with the batch.
func (b *Batch) End() int64 { return b.First + int64(b.Count) }

// KeyID identifies a request of a tenant by its hash.
type KeyID [16]byte

// ContentID is the hash of what a request says.
type ContentID [16]byte

// Key is the memory of one request: that it was posted, what it said and in
// which batch. Keys are kept for ever: they are why nothing is counted twice.
type Key struct {
	ID      KeyID
	Content ContentID
	// Batch is the First of the batch that holds the request's entries.
	Batch int64
}

// NewKeyID returns the key of a tenant's request.
func NewKeyID(tenant invoq.TenantID, requestID string) KeyID {
	b := make([]byte, 0, 256)
	b = appendString(b, string(tenant))
	b = appendString(b, requestID)
	sum := sha256.Sum256(b)
	return KeyID(sum[:16])
}

// compareKeys orders keys as the database does: writers that lock in one order
// cannot wait for each other.
func compareKeys(a, b Key) int { return bytes.Compare(a.ID[:], b.ID[:]) }

// contentOf returns the hash of what the entries of one request say. Neither
// the time of receipt nor the charge is in it: a retry comes later and perhaps
// under other prices, and is the same all the same.
func contentOf(entries []Entry, buf []byte) (ContentID, []byte) {
	buf = buf[:0]
	for i := range entries {
		said := entries[i]
		said.Charge, said.ReceivedAt = Charge{}, time.Unix(0, 0)
		buf = said.AppendEncoding(buf)
	}
	sum := sha256.Sum256(buf)
	return ContentID(sum[:16]), buf
}

// roomFor returns room for the entries of events, one after the other.
func roomFor(events []invoq.Event) []Entry {
	n := 0
	for i := range events {
		n += len(events[i].Measures)
	}
	return make([]Entry, 0, n)
}

// entriesOf returns the entries of an event, one for each measure, in the
// order of the meters' names and without their charge. They take the room if
// there is enough.
func entriesOf(room []Entry, e *invoq.Event, id Identity) ([]Entry, error) {
	labels, err := labelsOf(e)
	if err != nil {
		return nil, err
	}
	n := len(e.Measures)
	entries := slices.Grow(room[:0], n)[:n:n]
	for i := range e.Measures {
		entries[i] = Entry{
			TenantID: id.Tenant, UserID: id.User, Platform: e.Platform, Provider: e.Provider,
			Namespace: e.Namespace, Service: e.Service, Revision: e.Revision,
			Meter: e.Measures[i].Meter, Quantity: e.Measures[i].Quantity, RequestID: e.RequestID,
			Corrects: e.Corrects, Labels: labels, EventTime: stored(e.Time),
			ReceivedAt: stored(e.ReceivedAt),
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return strings.Compare(string(a.Meter), string(b.Meter))
	})
	return entries, nil
}

// stored returns the time as a database gives it back: what is hashed must be
// what can be read.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
