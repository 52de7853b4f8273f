package tracker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Usage is something that a user consumed.
type Usage struct {
	// User is who consumed it; empty for the tenant's own default user.
	User string `json:"userId,omitempty"`
	// Resource is what: AI_TOKENS, API_REQUEST, STORAGE_MB, COMPUTE_SECONDS,
	// PAYMENT_TX or BANDWIDTH_MB.
	Resource string `json:"resourceType"`
	// Quantity is how much, in plain digits: "1200" or "0.25".
	Quantity json.Number `json:"quantity"`
	// Provider and Service are where from; Service, and Platform, are the
	// tracker's own unless they are set.
	Provider string `json:"provider,omitempty"`
	Service  string `json:"service"`
	Platform string `json:"platformId,omitempty"`
	// RequestID identifies the usage for ever; empty: one is made up.
	RequestID string `json:"requestId"`
	// Time is when; zero: now.
	Time   time.Time         `json:"timestamp"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Config says where usage is sent and how much may wait. URL, Key and Service
// are required; zero values of the rest have the defaults that are named.
type Config struct {
	// URL is the server's, such as https://invoq.example.
	URL string
	// Key is an API key that may send samples.
	Key string
	// Service and Platform stand in usage that names none.
	Service, Platform string
	// Spool is a file for usage while the server is away; empty: it waits in
	// memory. It is one tracker's own.
	Spool string
	// SpoolBytes bounds the spool; 64 MiB.
	SpoolBytes int64
	// Pending bounds the usages that wait in memory, also those that the spool
	// has no room for; 100,000.
	Pending int
	// Batch is how many are sent at once, at most 10,000; 1,000.
	Batch int
	// Every is how long usage waits to be sent with others; a second.
	Every time.Duration
	// Client sends; one with a timeout of 10 seconds.
	Client *http.Client
	// OnError is told what could not be sent, was refused, or lost; it must
	// not wait. Nil: nobody is told, and Lost counts.
	OnError func(error)
}

// Tracker sends usage. It is safe for concurrent use.
type Tracker struct {
	cfg  Config
	wake chan struct{}
	stop chan context.Context
	done chan struct{}
	// ctx ends when Close may wait no longer.
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	pending []json.RawMessage // usages as they are sent
	lost    int64
	closed  bool

	spool spool // of the sending goroutine
}

// New returns a tracker that sends until Close.
func New(cfg Config) (*Tracker, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return nil, errors.New("tracker: URL is not of the form https://host")
	case cfg.Key == "":
		return nil, errors.New("tracker: Key is empty")
	case cfg.Service == "":
		return nil, errors.New("tracker: Service is empty")
	case cfg.Batch > maxBatch:
		return nil, errors.New("tracker: Batch is more than 10000")
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/") + "/api/v1/usage"
	cfg.SpoolBytes = cmp.Or(cfg.SpoolBytes, 64<<20)
	cfg.Pending = cmp.Or(cfg.Pending, 100_000)
	cfg.Batch = cmp.Or(cfg.Batch, 1000)
	cfg.Every = cmp.Or(cfg.Every, time.Second)
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 10 * time.Second}
	}
	t := &Tracker{
		cfg: cfg, wake: make(chan struct{}, 1), stop: make(chan context.Context, 1),
		done: make(chan struct{}), spool: spool{path: cfg.Spool, limit: cfg.SpoolBytes},
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	go t.run()
	return t, nil
}

// maxBatch is how many events the server takes at once.
const maxBatch = 10_000

// Track notes a usage. It never waits, whatever the server does, and goes on
// when ctx is done: what was used was used.
func (t *Tracker) Track(ctx context.Context, u Usage) {
	_ = ctx // For what may be read from it later, such as a trace.
	u.Service = cmp.Or(u.Service, t.cfg.Service)
	u.Platform = cmp.Or(u.Platform, t.cfg.Platform)
	u.RequestID = cmp.Or(u.RequestID, rand.Text())
	if u.Time.IsZero() {
		u.Time = time.Now()
	}
	u.Time = u.Time.UTC()
	line, err := u.line()
	if err != nil {
		t.lose(1, fmt.Errorf("tracker: a usage of %q was lost: %w", u.Resource, err))
		return
	}
	t.mu.Lock()
	full := t.closed || len(t.pending) >= t.cfg.Pending
	if full {
		t.lost++
	} else {
		t.pending = append(t.pending, line)
	}
	enough := len(t.pending) >= t.cfg.Batch
	t.mu.Unlock()
	if full {
		t.tell(errors.New("tracker: usage was lost: too much waits, or the tracker is closed"))
	}
	if enough {
		t.poke()
	}
}

// maxUsageBytes bounds a usage as it is sent: more than all that the server
// takes of one.
const maxUsageBytes = 32 << 10

// line returns the usage as it is sent. What cannot be is found here, before it
// stands among others.
func (u *Usage) line() (json.RawMessage, error) {
	if u.Quantity == "" { // It would be written as 0.
		return nil, errors.New("it has no quantity")
	}
	line, err := json.Marshal(u)
	if err != nil {
		return nil, fmt.Errorf("write it: %w", err)
	}
	if len(line) > maxUsageBytes {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(line), maxUsageBytes)
	}
	return line, nil
}

// Lost returns how many usages had no place to wait, or could not be sent for
// what they say.
func (t *Tracker) Lost() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lost
}

// Close sends what is left, or spools what the server does not take before ctx
// ends. Usage that is tracked afterwards is lost.
func (t *Tracker) Close(ctx context.Context) error {
	t.mu.Lock()
	first := !t.closed
	t.closed = true
	t.mu.Unlock()
	// What is being sent ends with ctx; spooling what is left is brief.
	defer context.AfterFunc(ctx, t.cancel)()
	if first {
		t.stop <- ctx
	}
	<-t.done
	if n := t.Lost(); n > 0 {
		return errors.New("tracker: some usage was lost")
	}
	return nil
}

func (t *Tracker) poke() {
	select {
	case t.wake <- struct{}{}:
	default: // It is awake.
	}
}

func (t *Tracker) tell(err error) {
	if t.cfg.OnError != nil {
		t.cfg.OnError(err)
	}
}

// lose counts usages that are lost, and tells why.
func (t *Tracker) lose(n int, err error) {
	t.mu.Lock()
	t.lost += int64(n)
	t.mu.Unlock()
	t.tell(err)
}
