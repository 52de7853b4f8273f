package tsdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"invoq"
)

const (
	// tendEvery is how often the store looks whether it can be mended.
	tendEvery = time.Second
	// retireTime is how long readers may keep the store from being opened again.
	retireTime = 15 * time.Second
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

// lose notes that a write to the log failed. The log may end in the middle of
// a record now, and what is written behind it would be lost: nothing is taken
// until the log has been read anew.
func (s *Store) lose(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		return
	}
	s.lost = err
	s.log.Error("a write to the log of samples failed; none are taken until it can be read anew",
		"dir", s.cfg.Dir, "err", err,
		"do", "look at the disk; it goes on by itself once the disk can be written to")
}

// lostWrite returns the write to the log that failed, or nil.
func (s *Store) lostWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// breakDown gives the store up: only a new process can go on.
func (s *Store) breakDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return
	}
	s.broken = err
	close(s.failed)
	s.log.Error("samples can no longer be kept; the server has to be started again",
		"dir", s.cfg.Dir, "err", err, "do", "look at the disk; nothing acknowledged is lost")
}

// Health returns why the store can take no samples, or nil.
func (s *Store) Health() error {
	s.mu.Lock()
	broken, lost, damaged := s.broken, s.lost, s.damaged
	s.mu.Unlock()
	switch {
	case broken != nil:
		return unsafeStore(broken)
	case damaged != nil:
		return damaged
	}
	// The disk first: it says what has to be done about a lost write too.
	if err := s.cfg.Disk.Room(); err != nil {
		return err
	}
	if lost != nil {
		e := invoq.Errorf(invoq.KindUnavailable, "the disk failed; samples are not taken before it works")
		e.RetryAfter = troubleRetry
		return e.WithCause(lost)
	}
	return nil
}

// tend mends what can be mended, until the store is closed.
func (s *Store) tend() {
	defer close(s.tended)
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C:
			s.tendOnce()
		}
	}
}

// tendOnce looks whether what is wrong has gone.
func (s *Store) tendOnce() {
	c := s.core.Load()
	if err := c.syncer.failure(); err != nil {
		s.noteFailure(err)
	}
	s.mu.Lock()
	broken, lost, damaged := s.broken, s.lost, s.damaged
	s.mu.Unlock()
	if broken != nil {
		return
	}
	if damaged != nil {
		s.setDamaged(s.unread())
	}
	if lost == nil || s.cfg.Disk.Room() != nil || s.cfg.Disk.Probe() != nil {
		return
	}
	if err := s.reopen(c); err != nil {
		s.log.Warn("the samples cannot be read anew yet", "err", err)
		return
	}
	s.log.Info("the samples were read anew; they are taken again", "dir", s.cfg.Dir)
}

// noteFailure sorts a failure of a sync: a write that failed can be mended by
// reading the log anew, a sync that failed cannot, since nobody knows what the
// disk holds.
func (s *Store) noteFailure(err error) {
	if errors.Is(err, errLostWrite) {
		s.lose(err)
		return
	}
	s.breakDown(err)
}

func (s *Store) setDamaged(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damaged != nil && err == nil {
		s.log.Info("the damage was acknowledged; samples are taken again")
	}
	s.damaged = err
}

// reopen closes the core and opens the logs anew, as a restart would. Requests
// under way wait for it and are refused.
func (s *Store) reopen(c *core) error {
	// A copy that is made now takes longer than readers are waited for, while
	// whom nobody else is let read.
	if !s.adopting.TryLock() {
		return errors.New("a copy is made or a backfill adopted")
	}
	defer s.adopting.Unlock()
	for _, sh := range s.writer.shards {
		sh.mu.Lock()
		defer sh.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), retireTime)
	defer cancel()
	if err := c.retire(ctx); err != nil {
		return err
	}
	if err := c.close(); err != nil && !errors.Is(err, errLostWrite) {
		// Half closed, it can neither be used nor be opened.
		s.breakDown(err)
		return err
	}
	for _, sh := range s.writer.shards {
		sh.refs = newRefCache()
	}
	s.series.reset()
	next, err := s.openCore()
	if err != nil {
		s.breakDown(fmt.Errorf("read the samples anew: %w", err))
		return err
	}
	next.fitExemplars(s.shelf.count(), s.outOfOrderWindow())
	s.series.enforce()
	s.core.Store(next)
	s.mu.Lock()
	s.lost, s.damaged = nil, s.unread()
	s.mu.Unlock()
	return nil
}
