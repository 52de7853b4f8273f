package tsdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"invoq"
)

// core is the library's TSDB while it is open, with what is bound to it. A store
// that has to read its log again gets another.
type core struct {
	db      *tsdb.DB
	syncer  *syncer
	metrics *watchedRegistry
	// exemplars is for how many of them the library has room.
	exemplars atomic.Int64

	mu      sync.Mutex
	readers int
	retired bool
	idle    chan struct{} // closed once it is retired and nobody reads
}

// openCore looks the logs over, and opens and replays them.
func (s *Store) openCore() (*core, error) {
	wal, wbl := filepath.Join(s.cfg.Dir, "wal"), filepath.Join(s.cfg.Dir, "wbl")
	for _, dir := range []string{wal, wbl} {
		if err := s.mendLog(dir); err != nil {
			return nil, err
		}
	}
	c := &core{metrics: &watchedRegistry{Registerer: s.registry}, idle: make(chan struct{})}
	o := s.options()
	var opened atomic.Pointer[tsdb.DB]
	o.BlocksToDelete = afterwards(s.awaitRoom, &opened, tsdb.DefaultBlocksToDelete)
	o.BlockCompactionExcludeFunc = func(block *tsdb.BlockMeta) bool {
		db := opened.Load()
		return db != nil && reachesHead(block, db.Head())
	}
	var err error
	if c.db, err = tsdb.Open(s.cfg.Dir, s.log.With("part", "tsdb"), c.metrics, o, nil); err != nil {
		c.metrics.unregister()
		return nil, fmt.Errorf("open tsdb %q: %w", s.cfg.Dir, err)
	}
	opened.Store(c.db)
	c.syncer, err = newSyncer(s.cfg.SyncInterval, c.metrics.lostWrites, wal, wbl)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	if n := c.metrics.corruptions(); n > 0 {
		return c, s.noteRepair(n)
	}
	return c, nil
}

// reachesHead reports whether a block covers time of which the head still holds
// samples. Late samples make such blocks. Merged with others, one loses the mark
// that it is of late samples alone, and the next start would drop from its log
// all in the head that is not newer than the block.
func reachesHead(block *tsdb.BlockMeta, head *tsdb.Head) bool {
	return block.MaxTime > head.MinTime()
}

// afterwards returns what the library asks, at the beginning of each round of its
// housekeeping, for the blocks that retention ends: it waits first. While the
// TSDB is being opened it neither waits nor names any.
func afterwards[F ~func([]*tsdb.Block) M, M any](
	wait func(), db *atomic.Pointer[tsdb.DB], choose func(*tsdb.DB) F,
) F {
	return func(blocks []*tsdb.Block) (none M) {
		opened := db.Load()
		if opened == nil {
			return none
		}
		wait()
		return choose(opened)(blocks)
	}
}

// awaitRoom holds the library's housekeeping until the disk has room. It comes
// here at the beginning of each round, before it writes full chunks; on a full
// disk that would end the process.
func (s *Store) awaitRoom() {
	for s.cfg.Disk.Room() != nil {
		<-time.After(tendEvery)
	}
}

// acquire has the core stay open until release is called.
func (c *core) acquire() (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.retired {
		return nil, invoq.Errorf(invoq.KindUnavailable, "the samples are being read anew; try again")
	}
	c.readers++
	return sync.OnceFunc(c.release), nil
}

func (c *core) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readers--; c.readers == 0 && c.retired {
		close(c.idle)
	}
}

// retire lets nobody begin to read and waits for those who do, or returns an
// error and leaves everything as it was.
func (c *core) retire(ctx context.Context) error {
	c.mu.Lock()
	c.retired = true
	if c.readers == 0 {
		close(c.idle)
	}
	c.mu.Unlock()
	select {
	case <-c.idle:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readers > 0 {
		c.retired = false
		return fmt.Errorf("wait for readers: %w", ctx.Err())
	}
	return nil
}

// close closes the library's TSDB. On a disk without room it may panic half-way,
// having given up its lock: what it would have written is in the log.
func (c *core) close() (err error) {
	defer c.metrics.unregister()
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(err, fmt.Errorf("close tsdb: %v", r))
		}
	}()
	if c.syncer != nil {
		err = c.syncer.close()
	}
	return errors.Join(err, c.db.Close())
}

// heldQuerier keeps its core open until it is closed.
type heldQuerier struct {
	storage.Querier
	release func()
}

// Close closes the querier.
func (q heldQuerier) Close() error {
	defer q.release()
	return q.Querier.Close()
}

// heldChunkQuerier is heldQuerier for chunks.
type heldChunkQuerier struct {
	storage.ChunkQuerier
	release func()
}

// Close closes the querier.
func (q heldChunkQuerier) Close() error {
	defer q.release()
	return q.ChunkQuerier.Close()
}

// whole is all that the store holds, whichever core it has.
type whole struct{ store *Store }

// Querier reads raw samples in [mint, maxt], milliseconds.
func (w whole) Querier(mint, maxt int64) (storage.Querier, error) {
	c := w.store.core.Load()
	release, err := c.acquire()
	if err != nil {
		return nil, err
	}
	q, err := c.db.Querier(mint, maxt)
	if err != nil {
		release()
		return nil, fmt.Errorf("open querier: %w", err)
	}
	return heldQuerier{q, release}, nil
}

// ChunkQuerier reads chunks that overlap [mint, maxt], milliseconds.
func (w whole) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	c := w.store.core.Load()
	release, err := c.acquire()
	if err != nil {
		return nil, err
	}
	q, err := c.db.ChunkQuerier(mint, maxt)
	if err != nil {
		release()
		return nil, fmt.Errorf("open chunk querier: %w", err)
	}
	return heldChunkQuerier{q, release}, nil
}
