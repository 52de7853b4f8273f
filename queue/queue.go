package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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
	Log      *slog.Logger
	Metrics  *metrics.Set
}

// Queue keeps events until they are posted. It is safe for concurrent use.
type Queue struct {
	cfg    Config
	server *server.Server // nil with an outside NATS
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	meters meters

	mu      sync.Mutex
	closed  bool
	pending group // what the next message takes
	writing bool  // a message is being written
	idle    *sync.Cond
}

// Open starts the embedded server, or connects to an outside one, and makes
// the stream unless it is there.
func Open(ctx context.Context, cfg Config) (*Queue, error) {
	q := &Queue{cfg: cfg, meters: newMeters(cfg.Metrics)}
	q.idle = sync.NewCond(&q.mu)
	if err := q.connect(); err != nil {
		q.Close()
		return nil, err
	}
	if err := q.insistOnStreams(ctx); err != nil {
		q.Close()
		return nil, err
	}
	return q, nil
}

// insistOnStreams makes the streams, for a while again and again where that
// may help: an outside cluster that starts beside us has to find its leader
// first, and a busy machine may take longer than one request waits.
func (q *Queue) insistOnStreams(ctx context.Context) error {
	for deadline := time.Now().Add(startTime); ; pause(ctx, firstRetry) {
		err := q.makeStreams(ctx)
		hopeful := q.cfg.URL != "" || errors.Is(err, context.DeadlineExceeded)
		if err == nil || !hopeful || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (q *Queue) connect() (err error) {
	if q.cfg.URL != "" {
		q.conn, err = nats.Connect(q.cfg.URL, nats.Name("invoq"), nats.MaxReconnects(-1))
		if err != nil {
			return invoq.Errorf(invoq.KindUnavailable, "the queue at %s does not answer",
				q.cfg.URL).WithCause(err)
		}
		return q.useJetStream()
	}
	q.server, err = server.NewServer(&server.Options{
		ServerName: "invoq", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: q.cfg.Dir,
		// The acknowledgement of a message says that it is on disk.
		SyncAlways: true,
		MaxPayload: 2 * maxMessageBytes,
		// The stream's own limit comes first; this one is of the whole folder.
		JetStreamMaxStore:  q.cfg.MaxBytes + 2*deadBytes,
		JetStreamMaxMemory: deadBytes,
	})
	if err != nil {
		return fmt.Errorf("make the queue's server in %q: %w", q.cfg.Dir, err)
	}
	q.server.Start()
	if !q.server.ReadyForConnections(startTime) {
		return fmt.Errorf("the queue's server in %q was not ready after %s", q.cfg.Dir, startTime)
	}
	if q.conn, err = nats.Connect("", nats.InProcessServer(q.server), nats.Name("invoq")); err != nil {
		return fmt.Errorf("connect to the queue's server: %w", err)
	}
	return q.useJetStream()
}

func (q *Queue) useJetStream() (err error) {
	if q.js, err = jetstream.New(q.conn); err != nil {
		return fmt.Errorf("use the queue's JetStream: %w", err)
	}
	return nil
}

// makeStreams makes the stream of events and that of messages nobody can read.
func (q *Queue) makeStreams(ctx context.Context) (err error) {
	q.stream, err = q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subject}, Storage: jetstream.FileStorage,
		// Nothing is dropped to make room: what has no room is refused.
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxBytes: q.cfg.MaxBytes, MaxMsgSize: 2 * maxMessageBytes, Replicas: q.cfg.Replicas,
	})
	if err != nil {
		return fmt.Errorf("make the queue's stream: %w", err)
	}
	_, err = q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: deadStream, Subjects: []string{deadSubject}, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardOld, MaxBytes: deadBytes, MaxMsgSize: 2 * maxMessageBytes, Replicas: q.cfg.Replicas,
	})
	if err != nil {
		return fmt.Errorf("make the stream of unreadable messages: %w", err)
	}
	return nil
}

// Close waits until what is being put is written and stops the embedded
// server. Drain must have returned before.
func (q *Queue) Close() error {
	q.mu.Lock()
	q.closed = true
	for q.writing {
		q.idle.Wait()
	}
	q.mu.Unlock()
	if q.conn != nil {
		q.conn.Close()
	}
	if q.server != nil {
		q.server.Shutdown()
		q.server.WaitForShutdown()
	}
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
	info, err := q.stream.Info(ctx)
	if err != nil {
		return State{}, asError(err)
	}
	s := State{Messages: info.State.Msgs, Bytes: info.State.Bytes}
	if s.Messages > 0 {
		s.Oldest = info.State.FirstTime.UTC()
	}
	return s, nil
}

// codeFull is JetStream's error for a stream without room: maximum bytes
// exceeded.
const codeFull = jetstream.ErrorCode(10077)

// asError turns what NATS says into what a caller can act on.
func asError(err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	e := invoq.Errorf(invoq.KindUnavailable, "the queue of events does not answer; try again")
	if errors.As(err, &api) && api.ErrorCode == codeFull {
		e = invoq.Errorf(invoq.KindUnavailable, "the queue of events is full; try again later")
		e.RetryAfter = retryFull
	}
	return e.WithCause(err)
}
