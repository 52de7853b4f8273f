package queue

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"invoq"
)

const (
	// tendEvery is how often the queue looks whether a disk that failed works.
	tendEvery = time.Second
	// stuckTime is how long the embedded server may answer nothing after a write
	// that was not answered. Some failed writes have it stand still for ever.
	stuckTime = 20 * time.Second
)

// Disk says whether there is room for what has to be kept.
type Disk interface {
	// Room returns why nothing should be written, or nil. It is asked often.
	Room() error
	// Probe writes something and returns why that failed.
	Probe() error
}

// endless is the disk that nobody watches.
type endless struct{}

// Room says that there is room.
func (endless) Room() error { return nil }

// Probe writes nothing.
func (endless) Probe() error { return nil }

// Health returns why events cannot be taken, or nil. A budget that is used up is
// no fault: Put says so.
func (q *Queue) Health() error {
	if err := q.cfg.Disk.Room(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lostWrite()
}

// lostWrite returns an error after a write that failed. The caller holds the
// lock.
func (q *Queue) lostWrite() error {
	if q.lost == nil {
		return nil
	}
	e := invoq.Errorf(invoq.KindUnavailable,
		"the disk of the queue failed; events are not taken before it works")
	e.RetryAfter = retryBroken
	return e.WithCause(q.lost)
}

// lose notes a write that failed. The embedded server takes nothing more after
// it, even when there is room again, until it has been started anew.
func (q *Queue) lose(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	timeout := errors.Is(err, context.DeadlineExceeded)
	if q.cfg.URL != "" || q.lost != nil || !timeout && !diskFailed(err) {
		return
	}
	q.lost, q.unanswered = err, timeout
	q.cfg.Log.Error("a write to the queue of events failed; none are taken until it can be opened anew",
		"dir", q.cfg.Dir, "err", err,
		"do", "look at the disk; it goes on by itself once the disk can be written to")
}

// diskFailed reports whether the server could not write, or has given up.
func diskFailed(err error) bool {
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, errUnsynced) {
		return true
	}
	return notStored(err) && !limited(err)
}

// tend starts the embedded server anew after its disk has failed, until the
// queue is closed.
func (q *Queue) tend() {
	defer close(q.tended)
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-q.closing:
			return
		case <-tick.C:
			q.tendOnce()
		}
	}
}

// tendOnce looks whether a disk that failed works again.
func (q *Queue) tendOnce() {
	q.mu.Lock()
	lost, unanswered := q.lost, q.unanswered
	q.mu.Unlock()
	if unanswered {
		q.ask(lost)
		return
	}
	if lost == nil || q.cfg.Disk.Room() != nil || q.cfg.Disk.Probe() != nil {
		return
	}
	q.link.Load().close()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	l, err := dial(ctx, q.cfg)
	if err != nil {
		q.cfg.Log.Warn("the queue cannot be opened anew yet", "err", err)
		return
	}
	q.link.Store(l)
	q.recover()
}

// recover takes events again.
func (q *Queue) recover() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost, q.unanswered = nil, false
	q.cfg.Log.Info("the queue works again; events are taken", "dir", q.cfg.Dir)
}

// ask waits for the embedded server to take something that says nothing, and
// gives it up when it does not: it holds its lock for ever, and its folder with
// it.
func (q *Queue) ask(lost error) {
	ctx, cancel := context.WithTimeout(context.Background(), q.cfg.stuckTime)
	defer cancel()
	nothing := []byte{codecVersion} // A message without events.
	if _, err := q.link.Load().js.Publish(ctx, subject, nothing); err == nil {
		q.recover()
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stuck {
		return
	}
	q.stuck = true
	close(q.failed)
	q.cfg.Log.Error("the queue of events stands still; the server has to be started again",
		"dir", q.cfg.Dir, "err", lost, "do", "look at the disk; nothing acknowledged is lost")
}

// Failed is closed once the queue has met a failure that only a restart mends.
func (q *Queue) Failed() <-chan struct{} { return q.failed }

// codeNotStored is JetStream's error for a message that a stream did not store:
// there is no room within its limits, or the disk failed.
const codeNotStored = jetstream.ErrorCode(10077)

// atLimit is what that error says of a stream's own limits (maximum bytes
// exceeded, maximum messages exceeded).
const atLimit = "maximum"

// notStored reports whether JetStream says that it did not store a message.
func notStored(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == codeNotStored
}

// limited reports whether a message was not stored because the stream is full
// by its own limits.
func limited(err error) bool {
	var api *jetstream.APIError
	return notStored(err) && errors.As(err, &api) && strings.Contains(api.Description, atLimit)
}
