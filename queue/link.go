package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"invoq"
)

// link is the way to the streams. An embedded server that is started anew has
// another.
type link struct {
	server *server.Server // nil with an outside NATS
	folder *folder        // nil likewise
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
}

// dial starts the embedded server, or connects to an outside one, and makes the
// streams unless they are there.
func dial(ctx context.Context, cfg Config) (*link, error) {
	l := &link{}
	err := l.connect(cfg)
	if err == nil {
		err = l.insistOnStreams(ctx, cfg)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// close gives up the connection and stops the embedded server.
func (l *link) close() {
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
}

func (l *link) connect(cfg Config) (err error) {
	if cfg.URL != "" {
		l.conn, err = nats.Connect(cfg.URL, nats.Name("invoq"), nats.MaxReconnects(-1))
		if err != nil {
			return invoq.Errorf(invoq.KindUnavailable, "the queue at %s does not answer",
				cfg.URL).WithCause(err)
		}
		return l.useJetStream()
	}
	l.server, err = server.NewServer(&server.Options{
		ServerName: "invoq", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: cfg.Dir,
		// The acknowledgement of a message says that it is on disk.
		SyncAlways: !cfg.unsynced,
		MaxPayload: 2 * maxMessageBytes,
		// The stream's own limit comes first; this one is of the whole folder.
		JetStreamMaxStore:  cfg.MaxBytes + 2*deadBytes,
		JetStreamMaxMemory: deadBytes,
	})
	if err != nil {
		return fmt.Errorf("make the queue's server in %q: %w", cfg.Dir, err)
	}
	l.folder = messagesIn(cfg.Dir)
	l.server.Start()
	if !l.server.ReadyForConnections(startTime) {
		return fmt.Errorf("the queue's server in %q was not ready after %s", cfg.Dir, startTime)
	}
	if l.conn, err = nats.Connect("", nats.InProcessServer(l.server), nats.Name("invoq")); err != nil {
		return fmt.Errorf("connect to the queue's server: %w", err)
	}
	return l.useJetStream()
}

func (l *link) useJetStream() (err error) {
	if l.js, err = jetstream.New(l.conn); err != nil {
		return fmt.Errorf("use the queue's JetStream: %w", err)
	}
	return nil
}

// publish returns once a message is on disk.
func (l *link) publish(ctx context.Context, message []byte) error {
	if _, err := l.js.Publish(ctx, subject, message); err != nil {
		return err
	}
	return l.folder.settle()
}

// insistOnStreams makes the streams, for a while again and again where that
// may help: an outside cluster that starts beside us has to find its leader
// first, and a busy machine may take longer than one request waits.
func (l *link) insistOnStreams(ctx context.Context, cfg Config) error {
	for deadline := time.Now().Add(startTime); ; pause(ctx, firstRetry) {
		err := l.makeStreams(ctx, cfg)
		hopeful := cfg.URL != "" || errors.Is(err, context.DeadlineExceeded)
		if err == nil || !hopeful || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

// makeStreams makes the stream of events and that of messages nobody can read.
func (l *link) makeStreams(ctx context.Context, cfg Config) (err error) {
	l.stream, err = l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subject}, Storage: jetstream.FileStorage,
		// Nothing is dropped to make room: what has no room is refused.
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxBytes: cfg.MaxBytes, MaxMsgSize: 2 * maxMessageBytes, Replicas: cfg.Replicas,
	})
	if err != nil {
		return fmt.Errorf("make the queue's stream: %w", err)
	}
	_, err = l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: deadStream, Subjects: []string{deadSubject}, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardOld, MaxBytes: deadBytes, MaxMsgSize: 2 * maxMessageBytes, Replicas: cfg.Replicas,
	})
	if err != nil {
		return fmt.Errorf("make the stream of unreadable messages: %w", err)
	}
	return nil
}
