package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"invoq"
	"invoq/internal/campaign"
)

// Limits of the retry storm.
const (
	stormClients = 16
	// stormCopies is how often an event is sent at most, beside retries.
	stormCopies = 20
	// stormBatch bounds what a client sends at once before it merges retries in.
	stormBatch = 1000
	// stormHeld bounds what a client merges: more is sent as it is.
	stormHeld = 3000
	// droppedReplies is the share of requests whose answer the client does not
	// get.
	droppedReplies = 0.3
)

// Every event comes up to twenty times, in any order, from sixteen clients, in
// batches that are split and merged differently when they are sent again since
// no answer came: the book has each once, and no client sees an error of the
// server. INVOQ_EVENTS sets how many events.
func TestCampaignRetryStorm(t *testing.T) {
	campaign.Begin(t)
	storm := &retryStorm{
		t: t, s: start(t), events: campaign.Count(t, "INVOQ_EVENTS", 20_000, 1_000_000),
		at: time.Now().Add(-24 * time.Hour).Truncate(time.Second), statuses: map[int]int{},
	}
	storm.shuffle(rand.New(rand.NewPCG(5, 5)))
	started := time.Now()
	var clients sync.WaitGroup
	for i := range stormClients {
		clients.Go(func() { storm.client(rand.New(rand.NewPCG(6, uint64(i)))) })
	}
	clients.Wait()
	sent := time.Since(started)
	storm.s.waitForQueue()
	storm.check(sent, time.Since(started))
}

// retryStorm is what the clients send, and what they were told.
type retryStorm struct {
	t      *testing.T
	s      *server
	events int
	at     time.Time // of the first event

	mu       sync.Mutex
	copies   []int32 // the events that are left to send
	statuses map[int]int
	sent     int // events in all requests
	cut      int // requests that were cut off
}

// shuffle puts the copies of all events into an order.
func (r *retryStorm) shuffle(rng *rand.Rand) {
	for n := range r.events {
		for range 1 + rng.IntN(stormCopies) {
			r.copies = append(r.copies, int32(n))
		}
	}
	rng.Shuffle(len(r.copies), func(i, j int) { r.copies[i], r.copies[j] = r.copies[j], r.copies[i] })
}

// take returns the next copies, none at the end.
func (r *retryStorm) take(n int) []int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, len(r.copies))
	taken := r.copies[:n:n]
	r.copies = r.copies[n:]
	return taken
}

// client sends until nothing is left. What was not answered is sent again, in
// two parts or together with what comes next.
func (r *retryStorm) client(rng *rand.Rand) {
	var held []int32
	for {
		batch := append(held, r.take(1+rng.IntN(stormBatch))...)
		held = nil
		if len(batch) == 0 {
			return
		}
		switch {
		case r.send(rng, batch):
		case len(batch) > stormHeld || rng.IntN(2) == 0:
			at := rng.IntN(len(batch))
			for _, part := range [][]int32{batch[at:], batch[:at]} {
				if len(part) > 0 && !r.send(rng, part) {
					held = append(held, part...)
				}
			}
		default:
			held = batch
		}
	}
}

// send sends a batch and reports whether the client knows its answer. Of the
// answers that are dropped half are given and lost, and half of the requests are
// cut off on their way.
func (r *retryStorm) send(rng *rand.Rand, batch []int32) bool {
	var body bytes.Buffer
	for i, n := range batch {
		body.WriteByte("[,"[min(i, 1)])
		appendEvent(&body, int(n), r.at)
	}
	body.WriteByte(']')
	dropped := rng.Float64() < droppedReplies
	ctx := r.t.Context()
	if dropped && rng.IntN(2) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(20_000))*time.Microsecond)
		defer cancel()
	}
	a, ok := r.s.doIn(ctx, http.MethodPost, "/api/v1/usage", body.Bytes(), "Content-Type", "application/json")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent += len(batch)
	if !ok {
		r.cut++
		return false
	}
	r.statuses[a.status]++
	if a.status != http.StatusAccepted && a.status != http.StatusOK {
		r.t.Errorf("%d events: %d %.200s", len(batch), a.status, a.body)
	}
	return !dropped
}

// check holds the book against the events.
func (r *retryStorm) check(sent, posted time.Duration) {
	r.t.Helper()
	r.s.stop()
	report := r.s.verifyBook()
	var want invoq.Decimal
	for n := range r.events {
		want = want.Add(quantityOf(n))
	}
	r.s.withDatabase(func(d *database) {
		entries := d.number("SELECT count(*) FROM ledger_entries")
		unique := d.number("SELECT count(DISTINCT (tenant_id, request_id)) FROM ledger_entries")
		deadlocks := d.number("SELECT deadlocks FROM pg_stat_database WHERE datname = 'invoq'")
		have := d.decimal("SELECT sum(quantity)::text FROM ledger_entries")
		if int(entries) != r.events || entries != unique || !have.Equal(want) || deadlocks != 0 {
			r.t.Errorf("%d entries, %d requests, quantity %s; want %d events, quantity %s; %d deadlocks",
				entries, unique, have, r.events, want, deadlocks)
		}
		r.t.Logf("%d unique events, sent %d times, stored %d (%d in the book's report), %d deadlocks",
			r.events, r.sent, entries, report.Entries, deadlocks)
	})
	r.t.Logf("answers by status %v, %d requests cut off; %.0f events/s sent, all posted after %s",
		r.statuses, r.cut, float64(r.sent)/sent.Seconds(), posted.Round(time.Second))
}
