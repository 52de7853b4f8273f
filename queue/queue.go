package queue

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
)

// Names in JetStream. The version is that of the layout, not of messages.
const (
	streamName  = "INVOQ_EVENTS"
	subject     = "invoq.events"
	deadStream  = "INVOQ_EVENTS_DEAD"
	deadSubject = "invoq.dead"
	popConsumer = "pop"
)

// Limits of what is not configured.
const (
	// maxMessageBytes bounds one message; a request larger than it is split.
	maxMessageBytes = 1 << 20
	// maxPendingBytes bounds what waits in memory to be written.
	maxPendingBytes = 64 << 20
	// deadBytes bounds what is kept of messages that nobody can read.
	deadBytes = 64 << 20
	startTime = 30 * time.Second
	// retryFull is after which time a sender is asked to try again.
	retryFull = 30 * time.Second
	// retryBroken is the same while the disk is looked after.
	retryBroken = 10 * time.Second
)

// Config says where the queue is.
type Config struct {
	// Dir is the folder of the embedded server.
	Dir string
	// URL is that of an outside NATS with JetStream; then Dir is not used, and
	// what is synced when is the cluster's own setting.
	URL string
	// Replicas is on how many nodes of an outside cluster each event is kept; 0
	// is 1.
	Replicas int
	// MaxBytes is the budget of disk for events that wait, more than 0.
	MaxBytes int64
	// Disk says whether there is room in Dir; nil: nobody watches.
	Disk    Disk
	Log     *slog.Logger
	Metrics *metrics.Set

	// unsynced acknowledges before the sync, which a test has to notice.
	unsynced bool
	// putTime and stuckTime are what a test does not wait for; 0 is the usual.
	putTime, stuckTime time.Duration
}

// Queue keeps events until they are posted. It is safe for concurrent use.
type Queue struct {
	cfg    Config
	link   atomic.Pointer[link]
	meters meters
	// closing ends tend, which closes tended.
	closing, tended chan struct{}
	failed          chan struct{}
	// forgotten is the last sequence that was deleted; of the drain alone.
	forgotten uint64

	mu     sync.Mutex
	closed bool
	lost   error // the write that failed, after which the server is started anew
	// unanswered says that nobody knows yet whether lost failed, stuck that the
	// server will never say.
	unanswered, stuck bool
	pending           group // what the next message takes
	writing           bool  // a message is being written
	idle              *sync.Cond
}

// Open starts the embedded server, or connects to an outside one, and makes
// the stream unless it is there.
func Open(ctx context.Context, cfg Config) (*Queue, error) {
	if cfg.Disk == nil || cfg.URL != "" {
		cfg.Disk = endless{}
	}
	cfg.putTime = cmp.Or(cfg.putTime, putTime)
	cfg.stuckTime = cmp.Or(cfg.stuckTime, stuckTime)
	q := &Queue{
		cfg: cfg, meters: newMeters(cfg.Metrics),
		closing: make(chan struct{}), tended: make(chan struct{}), failed: make(chan struct{}),
	}
	q.idle = sync.NewCond(&q.mu)
	l, err := dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	q.link.Store(l)
	go q.tend()
	return q, nil
}

// Close waits until what is being put is written and stops the embedded
// server. Drain must have returned before.
func (q *Queue) Close() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	for q.writing {
		q.idle.Wait()
	}
	q.mu.Unlock()
	close(q.closing)
	<-q.tended
	if q.stuck {
		return invoq.Errorf(invoq.KindUnavailable, "the queue of events stands still").WithCause(q.lost)
	}
	q.link.Load().close()
	return nil
}

// State is how much waits in the queue.
type State struct {
	Messages uint64
	Bytes    uint64
	// Oldest is when the first message that waits was put; zero for none.
	Oldest time.Time
}

// State returns how much waits.
func (q *Queue) State(ctx context.Context) (State, error) {
	info, err := q.link.Load().stream.Info(ctx)
	if err != nil {
		return State{}, asError(err)
	}
	s := State{Messages: info.State.Msgs, Bytes: info.State.Bytes}
	if s.Messages > 0 {
		s.Oldest = info.State.FirstTime.UTC()
	}
	return s, nil
}

// asError turns what NATS says into what a caller can act on.
func asError(err error) error {
	if err == nil {
		return nil
	}
	e := invoq.Errorf(invoq.KindUnavailable, "the queue of events does not answer; try again")
	switch {
	case limited(err):
		e = invoq.Errorf(invoq.KindUnavailable, "the queue of events is full; try again later")
		e.RetryAfter = retryFull
	case diskFailed(err):
		e.RetryAfter = retryBroken
	}
	return e.WithCause(err)
}
