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

// flush sends or spools all that is left.
func (t *Tracker) flush(ctx context.Context) {
	if !t.send(ctx) {
		t.spill()
	}
}

// spill spools all that is pending.
func (t *Tracker) spill() {
	for us := t.take(); len(us) > 0; us = t.take() {
		t.keep(us)
	}
}

// send sends what was spooled and then what is pending, and reports whether the
// server took it. What it did not take is spooled.
func (t *Tracker) send(ctx context.Context) bool {
	err := t.spool.replay(t.cfg.Batch, func(us []json.RawMessage) error { return post(ctx, t, us) })
	if err != nil {
		t.tell(err)
		t.keep(t.take())
		return false
	}
	for us := t.take(); len(us) > 0; us = t.take() {
		if err := post(ctx, t, us); err != nil {
			t.tell(err)
			t.keep(us)
			return false
		}
	}
	return true
}

// take returns a batch of what is pending.
func (t *Tracker) take() []Usage {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.pending), t.cfg.Batch)
	us := t.pending[:n:n]
	t.pending = t.pending[n:]
	if len(t.pending) == 0 {
		t.pending = nil // Let go of what was sent.
	}
	return us
}

// keep spools usages for later.
func (t *Tracker) keep(us []Usage) {
	if len(us) == 0 {
		return
	}
	if n, err := t.spool.add(us); err != nil {
		t.lose(len(us)-n, fmt.Errorf("tracker: %d usages were lost: %w", len(us)-n, err))
	}
}

// post sends a batch. An error says that the server did not take it and that
// it should be sent again; what it refused for good is told and not sent again.
func post[T any](ctx context.Context, t *Tracker, us []T) error {
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
