package private

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// maxQuickDeaths is how often in a row the server may end before it had
	// been ready for healthyAfter. Then something is wrong that starting it
	// again does not mend.
	maxQuickDeaths = 5
	healthyAfter   = time.Minute
	// The pause before a restart doubles from the first to the last.
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// supervise keeps a postmaster alive until life is done or it dies too often,
// and leaves no process behind.
func (s *Server) supervise(life, patience context.Context, postmaster *child) {
	defer close(s.done)
	defer s.release()
	postmaster, s.err = s.keepAlive(life, postmaster)
	err := s.cluster.shutdown(patience, postmaster)
	s.pid.Store(0)
	s.err = errors.Join(s.err, err)
}

// keepAlive returns the last postmaster when life is done, nil if there is none
// just then, or an error when it gives up.
func (s *Server) keepAlive(life context.Context, postmaster *child) (*child, error) {
	var death error
	for deaths := 1; ; deaths++ {
		if postmaster != nil {
			if healthy := watch(life, postmaster); healthy {
				deaths = 1
			}
			if life.Err() != nil {
				return postmaster, nil
			}
			s.pid.Store(0)
			death = s.cluster.bury(life, postmaster)
		}
		if deaths == maxQuickDeaths {
			return nil, fmt.Errorf("the private PostgreSQL died %d times in a row: %w", deaths, death)
		}
		wait := min(firstBackoff<<(deaths-1), lastBackoff)
		s.cluster.journal.log.Warn("postgres died, starting it again",
			"deaths", deaths, "wait", wait, "err", death)
		if pause(life, wait) != nil {
			return nil, nil
		}
		postmaster, death = s.start(life)
		if life.Err() != nil {
			return postmaster, nil
		}
	}
}

// start starts a postmaster and notes its pid.
func (s *Server) start(ctx context.Context) (*child, error) {
	postmaster, err := s.cluster.start(ctx)
	if err == nil {
		s.pid.Store(int64(postmaster.process.Pid))
	}
	return postmaster, err
}

// watch returns when the postmaster has ended or life is done, and whether it
// had been up for long enough to be called healthy.
func watch(life context.Context, postmaster *child) (healthy bool) {
	long := time.After(healthyAfter)
	for {
		select {
		case <-life.Done():
			return healthy
		case <-postmaster.ended:
			return healthy
		case <-long:
			healthy = true
		}
	}
}

// pause waits, or errs as soon as the context is done.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
