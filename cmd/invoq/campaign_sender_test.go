package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"invoq/internal/campaign"
)

// sender sends batches of events, the same again until it is acknowledged.
type sender struct {
	name    string
	journal *campaign.Journal
	first   time.Time // when the first event was
	next    int       // the first event that is not acknowledged
	// patient senders are content with a server that says to come again.
	patient bool
}

// perBatch is how many events a sender sends at once.
const perBatch = 20

func (x *sender) run(t *testing.T, s *server, gone <-chan struct{}) {
	for {
		select {
		case <-gone:
			return
		case <-time.After(loadPause):
		}
		if !x.send(t, s) {
			return
		}
	}
}

// send sends the next batch, on record, and reports whether the server has
// answered.
func (x *sender) send(t *testing.T, s *server) bool {
	var events []map[string]any
	var items []campaign.Item
	for n := x.next; n < x.next+perBatch; n++ {
		at := x.first.Add(time.Duration(n) * time.Second).UTC()
		id, user, quantity := fmt.Sprint(x.name, "-", n), fmt.Sprint("user-", n%7), fmt.Sprintf("%d.%06d", n%3, 1+n%99999)
		events = append(events, map[string]any{
			"tenant_id": x.name, "userId": user, "resourceType": "API_REQUEST", "service": "api",
			"quantity": json.Number(quantity), "requestId": id, "timestamp": at.Format(time.RFC3339),
		})
		items = append(items, itemOf(id, x.name, user, "api", quantity, at.Unix()))
	}
	body, err := json.Marshal(events)
	if err != nil {
		t.Error(err)
		return false
	}
	batch, err := x.journal.Sending(items)
	if err != nil {
		t.Error(err)
		return false
	}
	a, ok := s.do(http.MethodPost, "/api/v1/usage", body, "Content-Type", "application/json")
	if err := x.journal.Answered(batch, a.status); err != nil {
		t.Error(err)
		return false
	}
	if !ok {
		return false
	}
	if x.patient && a.status == http.StatusServiceUnavailable {
		return true
	}
	if a.status != http.StatusAccepted && a.status != http.StatusOK {
		t.Errorf("%s: %d %s", x.name, a.status, a.body)
		return false
	}
	x.next += perBatch
	return true
}

// itemOf is an event as a journal has it.
func itemOf(id, tenant, user, service, quantity string, unix int64) campaign.Item {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d", tenant, user, service, unix))
	return campaign.Item{ID: id, Hash: fmt.Sprintf("%x", sum[:8]), Quantity: quantity}
}

// newJournal makes the journal of a test's clients and returns where it is.
func newJournal(t *testing.T) (*campaign.Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := campaign.NewJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, path
}

// newSenders returns senders of usage of the last forty days.
func newSenders(journal *campaign.Journal, n int) []*sender {
	first := time.Now().Add(-40 * 24 * time.Hour).Truncate(time.Second)
	var all []*sender
	for i := range n {
		all = append(all, &sender{name: fmt.Sprint("sender-", i), journal: journal, first: first})
	}
	return all
}

// reckon compares the stopped server's book with the clients' journal, which
// must have so many events that were acknowledged.
func (s *server) reckon(journal string, least int) {
	s.t.Helper()
	record, err := campaign.Read(journal, func(status int) bool { return status/100 == 2 })
	if err != nil {
		s.t.Fatal(err)
	}
	s.withDatabase(func(d *database) {
		k, err := record.Reckon(d.items())
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Log(k)
		if !k.OK() || k.Acknowledged < least {
			s.t.Errorf("what is stored is not what was acknowledged: %s", k)
		}
	})
}
