package tsdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/prometheus/tsdb/wlog"

	"invoq"
)

// syncer makes commits durable. The TSDB writes its logs and never syncs them,
// so the syncer does, through descriptors of its own: one sync serves every
// request that committed before it began (group commit).
//
//	commit ─▶ wait ─┬─ round n runs: it may have begun before the commit
//	                └─ round n+1: syncs wal/ and wbl/, then wakes all who wait for it
type syncer struct {
	logs []*logFiles
	// lostWrites counts log writes that failed without an error.
	lostWrites func() float64
	interval   time.Duration
	stop, done chan struct{}
	kick       chan struct{}
	once       sync.Once // of close

	mu    sync.Mutex
	round *round // the next one to begin
	err   error  // why nothing can be promised any more
}

// round is one sync; ready is closed when it has ended.
type round struct {
	ready chan struct{}
	err   error
}

// newSyncer starts syncing the logs in dirs when asked, and at least every interval.
// lostWrites counts the log's failed writes, which the TSDB itself only logs.
func newSyncer(interval time.Duration, lostWrites func() float64, dirs ...string) (*syncer, error) {
	s := &syncer{
		lostWrites: lostWrites,
		interval:   interval,
		stop:       make(chan struct{}),
		done:       make(chan struct{}),
		kick:       make(chan struct{}, 1),
		round:      &round{ready: make(chan struct{})},
	}
	for _, dir := range dirs {
		l, err := openLogFiles(dir)
		if err != nil {
			return nil, err
		}
		s.logs = append(s.logs, l)
	}
	go s.run()
	return s, nil
}

// wait returns when everything committed before the call is durable, or at
// once when syncing is done on an interval.
func (s *syncer) wait(ctx context.Context) error {
	s.mu.Lock()
	r, err := s.round, s.err
	s.mu.Unlock()
	if err != nil {
		return unsafeStore(err)
	}
	if s.interval > 0 {
		return s.lostWrite() // A kill is not a power cut: it may cost nothing.
	}
	select {
	case s.kick <- struct{}{}:
	default: // A kick is pending, and its round has not begun.
	}
	select {
	case <-r.ready:
	case <-ctx.Done():
		return invoq.Errorf(
			invoq.KindUnavailable,
			"the disk did not sync in time; send this again",
		).WithCause(
			ctx.Err(),
		)
	case <-s.done:
		return invoq.Errorf(invoq.KindUnavailable, "the server is stopping; send this again")
	}
	if r.err != nil {
		return unsafeStore(r.err)
	}
	return nil
}

// errLostWrite says that the library could not write to its log. It may have
// told nobody.
var errLostWrite = errors.New("a write to the log failed")

// lostWrite returns an error once a write to the log has failed.
func (s *syncer) lostWrite() error {
	if n := s.lostWrites(); n > 0 {
		return unsafeStore(fmt.Errorf("%w, %.0f in all", errLostWrite, n))
	}
	return nil
}

// unsafeStore is what writers are told once a write or a sync has failed.
func unsafeStore(err error) error {
	if errors.Is(err, errLostWrite) {
		e := invoq.Errorf(invoq.KindUnavailable, "samples could not be written; send this again")
		e.RetryAfter = troubleRetry
		return e.WithCause(err)
	}
	return invoq.Errorf(
		invoq.KindUnavailable,
		"samples cannot be made durable; the server must be restarted",
	).WithCause(
		err,
	)
}

// failure returns why samples can no longer be made durable, or nil.
func (s *syncer) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// run syncs round after round until the syncer is closed.
func (s *syncer) run() {
	defer close(s.done)
	var tick <-chan time.Time
	if s.interval > 0 {
		t := time.NewTicker(s.interval)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-s.stop:
			return
		case <-s.kick:
		case <-tick:
		}
		s.runRound()
	}
}

// runRound syncs once. A sync that failed is never tried again: the kernel may
// have dropped the pages, and a second success would prove nothing.
func (s *syncer) runRound() {
	s.mu.Lock()
	r := s.round
	s.round = &round{ready: make(chan struct{})}
	broken := s.err
	s.mu.Unlock()

	r.err = broken
	if broken == nil {
		r.err = s.syncLogs()
	}
	if r.err != nil && broken == nil {
		s.mu.Lock()
		s.err = r.err
		s.mu.Unlock()
	}
	close(r.ready)
}

// syncLogs makes everything written so far durable.
func (s *syncer) syncLogs() error {
	var errs []error
	for _, l := range s.logs {
		errs = append(errs, l.sync())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.lostWrite()
}

// close ends the goroutine after one last sync. A second time it does nothing.
func (s *syncer) close() (err error) {
	s.once.Do(func() {
		close(s.stop)
		<-s.done
		err = s.syncLogs()
		for _, l := range s.logs {
			err = errors.Join(err, l.close())
		}
	})
	return err
}

// logFiles syncs the segments of one write-ahead log by path. It remembers the
// newest segment it has seen: older ones are complete and synced.
type logFiles struct {
	dir  string
	last int
	file *os.File // segment last; nil before the first
}

// openLogFiles syncs what a killed process may have left unsynced: a sender's
// retry of it is a no-op that must be durable all the same.
func openLogFiles(dir string) (*logFiles, error) {
	l := &logFiles{dir: dir, last: -1}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read log folder: %w", err)
	}
	for _, e := range entries { // In the order of names, which is that of numbers.
		n, err := strconv.Atoi(e.Name())
		if err != nil || e.IsDir() {
			continue
		}
		if l.file == nil {
			l.last = n - 1
		}
		if _, err := l.advance(); err != nil {
			return nil, err
		}
	}
	return l, l.sync()
}

// sync makes everything written to the log so far durable.
func (l *logFiles) sync() error {
	moved, err := l.advance()
	if err != nil {
		return err
	}
	if l.file == nil {
		return nil
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync log segment: %w", err)
	}
	if !moved {
		return nil
	}
	return syncDir(l.dir)
}

// advance opens the segments that have appeared since the last sync, syncing
// each it leaves behind, and reports whether there were any.
func (l *logFiles) advance() (moved bool, err error) {
	for {
		next, err := os.Open(wlog.SegmentName(l.dir, l.last+1))
		if errors.Is(err, os.ErrNotExist) {
			return moved, nil
		}
		if err != nil {
			return moved, fmt.Errorf("open log segment: %w", err)
		}
		if l.file != nil {
			if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
				return moved, errors.Join(fmt.Errorf("sync log segment: %w", err), next.Close())
			}
		}
		l.file, moved = next, true
		l.last++
	}
}

// close gives up the files that are held open.
func (l *logFiles) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// syncDir makes the names of new files in the folder durable, and the folder's
// own name.
func syncDir(dir string) error {
	for _, name := range []string{dir, filepath.Dir(dir)} {
		d, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("open folder to sync: %w", err)
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return fmt.Errorf("sync folder: %w", err)
		}
	}
	return nil
}
