package tracker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Waits between two attempts to reach a server that is away.
const firstRetry, lastRetry = time.Second, time.Minute

// run sends what is pending, every now and then and when there is enough, until
// the tracker is closed.
func (t *Tracker) run() {
	defer close(t.done)
	defer t.cancel()
	tick := time.NewTicker(t.cfg.Every)
	defer tick.Stop()
	var away time.Duration // how long the server is left alone; 0 when it is there
	var from time.Time     // when it is tried again
	for {
		select {
		case ctx := <-t.stop:
			t.flush(ctx)
			return
		case <-tick.C:
		case <-t.wake:
		}
		if time.Now().Before(from) {
			t.spill()
			continue
		}
		if t.send(t.ctx) {
			away = 0
			continue
		}
		away = min(max(2*away, firstRetry), lastRetry)
		from = time.Now().Add(away)
	}
}

// flush sends or spools all that is left, and loses what has no room.
func (t *Tracker) flush(ctx context.Context) {
	if t.send(ctx) {
		return
	}
	t.spill()
	t.mu.Lock()
	left := len(t.pending)
	t.pending = nil
	t.mu.Unlock()
	if left > 0 {
		t.lose(left, fmt.Errorf("tracker: %d usages were lost: the end came first", left))
	}
}

// spill spools all that is pending, as far as there is room.
func (t *Tracker) spill() {
	if t.cfg.Spool == "" {
		return
	}
	for us := t.take(); len(us) > 0; us = t.take() {
		if !t.keep(us) {
			return
		}
	}
}

// send sends what was spooled and then what is pending, and reports whether the
// server took it. What it did not take is spooled.
func (t *Tracker) send(ctx context.Context) bool {
	err := t.spool.replay(t.cfg.Batch, func(us []json.RawMessage) error { return t.post(ctx, us) })
	if err != nil {
		t.tell(err)
		t.keep(t.take())
		return false
	}
	for us := t.take(); len(us) > 0; us = t.take() {
		if err := t.post(ctx, us); err != nil {
			t.tell(err)
			t.keep(us)
			return false
		}
	}
	return true
}

// maxBodyBytes bounds a body: the server takes four times as much, and what
// stands before it often no more.
const maxBodyBytes = 1_000_000

// batchOf returns how many of usages make one body.
func (t *Tracker) batchOf(us []json.RawMessage) int {
	bytes := 0
	for n := range us {
		if bytes += len(us[n]) + 1; n == t.cfg.Batch || bytes >= maxBodyBytes {
			return n
		}
	}
	return len(us)
}

// take returns a batch of what is pending.
func (t *Tracker) take() []json.RawMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.batchOf(t.pending)
	us := t.pending[:n:n]
	t.pending = t.pending[n:]
	if len(t.pending) == 0 {
		t.pending = nil // Let go of what was sent.
	}
	return us
}

// keep spools usages for later and reports whether all had room there. The rest
// goes back to memory, and is lost as far as that is full too.
func (t *Tracker) keep(us []json.RawMessage) bool {
	if len(us) == 0 {
		return true
	}
	n, err := t.spool.add(us)
	if err == nil {
		return true
	}
	us = us[n:]
	t.mu.Lock()
	room := min(max(t.cfg.Pending-len(t.pending), 0), len(us))
	t.pending = append(us[:room:room], t.pending...)
	t.mu.Unlock()
	if lost := len(us) - room; lost > 0 {
		t.lose(lost, fmt.Errorf("tracker: %d usages were lost: %w", lost, err))
	}
	return false
}

// post sends a batch. An error says that the server did not take it and that
// it should be sent again; what it refused for good is told and not sent again.
func (t *Tracker) post(ctx context.Context, us []json.RawMessage) error {
	body, err := json.Marshal(us)
	if err != nil {
		t.lose(len(us), fmt.Errorf("tracker: a batch cannot be written: %w", err))
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("tracker: make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+t.cfg.Key)
	req.Header.Set("Content-Type", "application/json")
	res, err := t.cfg.Client.Do(req)
	if err != nil {
		return fmt.Errorf("tracker: send %d usages: %w", len(us), err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("tracker: read the answer: %w", err)
	}
	switch res.StatusCode {
	case http.StatusOK, http.StatusAccepted:
		return nil
	case http.StatusMultiStatus, http.StatusConflict, http.StatusUnprocessableEntity:
		t.tell(fmt.Errorf("tracker: the server refused some of %d usages: %s", len(us), answer))
		return nil
	}
	// The rest may be mended: a key, a limit, a server. Nothing is thrown away.
	return fmt.Errorf("tracker: the server answered %d: %s", res.StatusCode, answer)
}
