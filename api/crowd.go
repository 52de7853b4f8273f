package api

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/semaphore"

	"invoq"
)

// How many pushes are worked on at a time, how many wait for that and how long,
// and when those are asked to come again for whom that is too many. A sync of
// the disk is shared by those who are worked on, so there are more of them than
// processors; those who wait cannot be more than are done within the time.
const (
	pushesAtWork  = 64
	pushesWaiting = 192
	pushWait      = time.Second
	pushRetry     = 2 * time.Second
)

// crowd bounds the pushes that are worked on. Without it each of thousands gets
// its share of the processors, and all are answered after their senders have
// given up: what is taken falls to nothing where more is offered than can be
// done. It is safe for concurrent use.
type crowd struct {
	places  *semaphore.Weighted
	inside  atomic.Int64 // at work and waiting
	refused *metrics.Counter
}

func newCrowd(set *metrics.Set) *crowd {
	c := &crowd{
		places:  semaphore.NewWeighted(pushesAtWork),
		refused: set.GetOrCreateCounter("invoq_http_pushes_refused_total"),
	}
	set.GetOrCreateGauge("invoq_http_pushes_inside", func() float64 { return float64(c.inside.Load()) })
	return c
}

// look refuses whom enter would refuse at once, before a body is read. It keeps
// no place: who reads slowly takes nobody else's.
func (c *crowd) look() error {
	if c.inside.Load() >= pushesAtWork+pushesWaiting {
		return c.refuse(nil)
	}
	return nil
}

// enter waits, not long, until there is a place. The caller calls leave when the
// work is done.
func (c *crowd) enter(ctx context.Context) (leave func(), err error) {
	if c.inside.Add(1) > pushesAtWork+pushesWaiting {
		c.inside.Add(-1)
		return nil, c.refuse(nil)
	}
	ctx, cancel := context.WithTimeout(ctx, pushWait)
	defer cancel()
	if err := c.places.Acquire(ctx, 1); err != nil {
		c.inside.Add(-1)
		return nil, c.refuse(err)
	}
	return func() {
		c.places.Release(1)
		c.inside.Add(-1)
	}, nil
}

// refuse is 503 with Retry-After: senders drop a batch on 429.
func (c *crowd) refuse(cause error) error {
	c.refused.Inc()
	e := invoq.Errorf(invoq.KindUnavailable, "more is sent than can be taken; send this again")
	e.RetryAfter = pushRetry
	return e.WithCause(cause)
}

// push reads a body of at most so many bytes and has it worked on once there is
// a place.
func (s *Server) push(c *fiber.Ctx, most int, work func(body []byte) error) error {
	if err := s.crowd.look(); err != nil {
		return err
	}
	body, release, err := s.pushedBody(c, most)
	if err != nil {
		return err
	}
	defer release()
	leave, err := s.crowd.enter(c.UserContext())
	if err != nil {
		return err
	}
	defer leave()
	return work(body)
}
