package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"invoq"
)

// Limits of draining.
const (
	// drainEvents is how many events are handed over at once, about.
	drainEvents = 5000
	// drainAhead is how many messages are decoded ahead.
	drainAhead = 8
	// purgeEvery is how often what was posted is forgotten.
	purgeEvery = 200 * time.Millisecond
	// purgeAgain is how soon it is tried again to forget what could not be, for
	// want of an outside consumer's acknowledgement say.
	purgeAgain = time.Second
	// Waits between two attempts to post the same events.
	firstRetry, lastRetry = 100 * time.Millisecond, 10 * time.Second
)

// message is a decoded message.
type message struct {
	sequence uint64
	events   []invoq.Event
	err      error // ends the reading
}

// Drain hands events to post, in the order in which they were put, and forgets
// them when it returns nil; until then it hands the same ones again. It blocks
// until the context ends, and then returns nil. There may be one drain at a
// time.
func (q *Queue) Drain(
	ctx context.Context, post func(context.Context, []invoq.Event) error,
) error {
	for ctx.Err() == nil {
		if err := q.drainOnce(ctx, post); err != nil && ctx.Err() == nil {
			q.cfg.Log.Warn("reading the queue again", "err", err)
			pause(ctx, firstRetry)
		}
	}
	return nil
}

// drainOnce reads from the first message that waits until reading fails.
func (q *Queue) drainOnce(
	ctx context.Context, post func(context.Context, []invoq.Event) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	read := make(chan message, drainAhead)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(read)
		q.read(ctx, read)
	}()
	defer func() { cancel(); <-ended }()
	q.forgotten = 0 // A server that was opened anew may count from elsewhere.
	purged := time.Now()
	var done, kept uint64 // the last sequence that was posted, and could not be forgotten
	for {
		events, last, err := q.gather(ctx, read, waitToForget(done, kept))
		if len(events) > 0 && q.insist(ctx, events, post) {
			done = last
		}
		stopping := err != nil || ctx.Err() != nil
		if done > 0 && (len(events) == 0 || stopping || time.Since(purged) >= purgeEvery) {
			kept = done
			if q.forget(ctx, done) {
				done, kept = 0, 0
			}
			purged = time.Now()
		}
		if stopping {
			return err
		}
	}
}

// waitToForget returns how long new messages are waited for before what was
// posted is forgotten; 0 is for ever.
func waitToForget(done, kept uint64) time.Duration {
	switch done {
	case 0:
		return 0
	case kept:
		return purgeAgain
	}
	return purgeEvery
}

// gather takes what has been read, at least one message unless nothing has come
// for as long as may be waited.
func (q *Queue) gather(
	ctx context.Context, read <-chan message, atMost time.Duration,
) (events []invoq.Event, last uint64, err error) {
	wait := make(<-chan time.Time)
	if atMost > 0 {
		timer := time.NewTimer(atMost)
		defer timer.Stop()
		wait = timer.C
	}
	select {
	case m, ok := <-read:
		if !ok || m.err != nil {
			return nil, 0, m.err
		}
		events, last = m.events, m.sequence
	case <-wait:
		return nil, 0, nil
	case <-ctx.Done():
		return nil, 0, nil
	}
	for len(events) < drainEvents {
		select {
		case m, ok := <-read:
			if !ok || m.err != nil {
				return events, last, m.err
			}
			events, last = append(events, m.events...), m.sequence
		default:
			return events, last, nil
		}
	}
	return events, last, nil
}

// insist posts until it has worked, and reports whether it has before the
// context ended.
func (q *Queue) insist(
	ctx context.Context, events []invoq.Event, post func(context.Context, []invoq.Event) error,
) bool {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := post(ctx, events)
		if err == nil {
			q.meters.drained.Add(len(events))
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		q.meters.retries.Inc()
		q.cfg.Log.Warn("events wait in the queue", "events", len(events), "retry", wait, "err", err)
		pause(ctx, wait)
	}
}

// read decodes messages in their order, from the first that is there.
func (q *Queue) read(ctx context.Context, read chan<- message) {
	send := func(m message) bool {
		select {
		case read <- m:
			return m.err == nil
		case <-ctx.Done():
			return false
		}
	}
	consumer, err := q.link.Load().js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverAllPolicy,
	})
	if err != nil {
		send(message{err: fmt.Errorf("read the queue: %w", err)})
		return
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(2 * drainAhead))
	if err != nil {
		send(message{err: fmt.Errorf("read the queue: %w", err)})
		return
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			send(message{err: fmt.Errorf("read the queue: %w", err)})
			return
		}
		decoded, err := q.open(ctx, m)
		if err != nil {
			send(message{err: err})
			return
		}
		if !send(decoded) {
			return
		}
	}
}

// open decodes a message. One that cannot be read is put aside, where nothing
// waits for it, and counted: it must not stop those behind it.
func (q *Queue) open(ctx context.Context, m jetstream.Msg) (message, error) {
	meta, err := m.Metadata()
	if err != nil {
		return message{}, fmt.Errorf("read a message's sequence: %w", err)
	}
	events, err := decode(nil, m.Data())
	if err == nil {
		return message{sequence: meta.Sequence.Stream, events: events}, nil
	}
	q.meters.dead.Inc()
	q.cfg.Log.Error("a message of the queue cannot be read and was put aside",
		"stream", deadStream, "sequence", meta.Sequence.Stream, "err", err)
	if _, err := q.link.Load().js.Publish(ctx, deadSubject, m.Data()); err != nil {
		return message{}, fmt.Errorf("put an unreadable message aside: %w", err)
	}
	return message{sequence: meta.Sequence.Stream}, nil
}

// forget deletes messages up to a sequence, or as far as the outside consumer
// has acknowledged them, and reports whether that was all. What is not deleted
// now has to be later, also when nothing new comes: a full queue takes nothing.
func (q *Queue) forget(ctx context.Context, posted uint64) (all bool) {
	// The embedded server writes as it deletes, and stands still for ever where
	// that finds no room. Deleting may be what makes room, so a little is enough.
	if q.cfg.Disk.Room() != nil && q.cfg.Disk.Probe() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.cfg.putTime)
	defer cancel()
	upTo := posted
	if floor, popping := q.popFloor(ctx); popping {
		upTo = min(posted, floor)
	}
	if upTo <= q.forgotten {
		return upTo == posted
	}
	l := q.link.Load()
	err := l.stream.Purge(ctx, jetstream.WithPurgeSequence(upTo+1))
	if err == nil {
		q.forgotten = upTo
		if err = l.folder.rewritten(); err != nil {
			q.lose(err)
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		q.meters.failed.Inc()
		q.cfg.Log.Warn("posted events stay in the queue until the next try", "err", err)
	}
	return err == nil && upTo == posted
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
