package queue

import (
	"context"
	"sync"
	"time"

	"invoq"
)

// putTime bounds the writing of one message, whoever waits for it.
const putTime = 10 * time.Second

// group is what goes into one message together.
type group struct {
	parts [][]byte // encoded events, each part at most maxMessageBytes
	bytes int
	count int // events
	done  *outcome
}

// outcome is what became of a group.
type outcome struct {
	ready chan struct{}
	err   error // set before ready is closed
}

// encoders keeps buffers for parts of messages.
var encoders = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// Put stores the events and returns when they are on disk. They need not be
// stored as one: after an error some may be, and all should be put again.
func (q *Queue) Put(ctx context.Context, events []invoq.Event) error {
	buf := encoders.Get().(*[]byte)
	part, at := (*buf)[:0], 0
	var all []*outcome
	for i := range events {
		part = appendEvent(part, &events[i])
		if len(part) < maxMessageBytes/2 && i+1 < len(events) {
			continue
		}
		done, err := q.join(part, i+1-at)
		if err != nil {
			return err
		}
		all = append(all, done)
		part, at = make([]byte, 0, len(part)), i+1
	}
	for _, done := range all {
		select {
		case <-done.ready:
			if done.err != nil {
				return done.err
			}
		case <-ctx.Done():
			return asError(ctx.Err())
		}
	}
	// Only now nobody reads the buffer any more.
	encoders.Put(buf)
	return nil
}

// join adds a part to the next message and sees to it that somebody writes it.
func (q *Queue) join(part []byte, count int) (*outcome, error) {
	if err := q.cfg.Disk.Room(); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.lost != nil:
		return nil, q.lostWrite()
	case q.closed:
		return nil, invoq.Errorf(invoq.KindUnavailable, "the queue of events is closing")
	case q.pending.bytes+len(part) > maxPendingBytes:
		q.meters.full.Inc()
		e := invoq.Errorf(invoq.KindUnavailable, "too many events wait to be written; try again")
		e.RetryAfter = time.Second
		return nil, e
	}
	if q.pending.done == nil {
		q.pending.done = &outcome{ready: make(chan struct{})}
	}
	g := &q.pending
	g.parts, g.bytes, g.count = append(g.parts, part), g.bytes+len(part), g.count+count
	if !q.writing {
		q.writing = true
		go q.write()
	}
	return g.done, nil
}

// write writes groups until none is left. While one is written the next one
// gathers.
func (q *Queue) write() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.pending.done != nil {
		g := q.pending
		q.pending = group{}
		q.mu.Unlock()
		g.done.err = q.publish(g)
		close(g.done.ready)
		q.mu.Lock()
	}
	q.writing = false
	q.idle.Broadcast()
}

// publish writes a group as few messages, one after the other.
func (q *Queue) publish(g group) error {
	ctx, cancel := context.WithTimeout(context.Background(), q.cfg.putTime)
	defer cancel()
	started := time.Now()
	message := make([]byte, 1, min(g.bytes, maxMessageBytes)+1)
	message[0] = codecVersion
	for i, part := range g.parts {
		message = append(message, part...)
		if i+1 < len(g.parts) && len(message)+len(g.parts[i+1]) <= maxMessageBytes {
			continue
		}
		if err := q.link.Load().publish(ctx, message); err != nil {
			q.meters.failed.Inc()
			if limited(err) {
				q.meters.full.Inc()
			}
			q.lose(err)
			return asError(err)
		}
		message = message[:1]
	}
	q.meters.put.Add(g.count)
	q.meters.putSeconds.UpdateDuration(started)
	return nil
}
