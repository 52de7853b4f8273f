package tsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/compression"
)

// blockRange is the time range of the smallest block on disk.
const blockRange = 2 * time.Hour

// Store is the open TSDB.
type Store struct {
	cfg      Config
	log      *slog.Logger
	registry *prometheus.Registry
	series   *seriesLimit
	writer   *Writer
	meta     *metadataStore
	changes  *changes
	refusals *refusals
	shelf    *exemplarShelf
	// adopting is held while samples come or go by another way than the writer.
	adopting sync.Mutex

	core   atomic.Pointer[core]
	failed chan struct{}
	// closing ends tend, which closes tended.
	closing, tended chan struct{}

	mu sync.Mutex
	// Why no samples are taken: broken for good, lost until the log is read anew,
	// damaged until somebody has said that they know.
	broken, lost, damaged error
}

// Open opens or creates the TSDB under cfg.Dir and replays its log. The caller
// closes it.
func Open(cfg Config, log *slog.Logger) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Disk == nil {
		cfg.Disk = endless{}
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	s := &Store{
		cfg:      cfg,
		log:      log,
		registry: prometheus.NewRegistry(),
		series:   newSeriesLimit(cfg.SeriesPerTenant),
		meta:     newMetadataStore(),
		changes:  newChanges(),
		refusals: newRefusals(),
		shelf:    newExemplarShelf(maxExemplars),
		failed:   make(chan struct{}),
		closing:  make(chan struct{}),
		tended:   make(chan struct{}),
	}
	s.writer = newWriter(s)
	c, err := s.openCore()
	if err != nil {
		return nil, err
	}
	s.core.Store(c)
	if err := s.shelve(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("read exemplars: %w", err), c.close())
	}
	c.fitExemplars(s.shelf.count(), s.outOfOrderWindow())
	s.series.enforce()
	if err := errors.Join(s.sweepStaging(), s.sweepSnapshots()); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if s.damaged = s.unread(); s.damaged != nil {
		log.Error("no samples are taken", "err", s.damaged)
	}
	go s.tend()
	return s, nil
}

// stripes are the parts, with a lock each, of the library's maps of series. Its
// own 16,384 take 6 MiB before there is a series; so many are enough for all
// processors there are.
const stripes = 1 << 11

// options returns how the TSDB is opened.
func (s *Store) options() *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = s.cfg.Retention.Milliseconds()
	if s.cfg.KeepAll {
		o.RetentionDuration = 0 // The library's word for no limit.
	}
	o.MinBlockDuration = blockRange.Milliseconds()
	// Blocks merge up to a tenth of the retention, as the Prometheus server
	// has it: few blocks to read, and retention drops no more than a tenth.
	o.MaxBlockDuration = max(blockRange, min(s.cfg.Retention/10, 31*24*time.Hour)).Milliseconds()
	o.OutOfOrderTimeWindow = s.outOfOrderWindow()
	o.WALCompression = compression.Snappy
	o.StripeSize = stripes
	o.SeriesLifecycleCallback = s.series
	// Start timestamps tell a counter's birth; only this encoding keeps them.
	o.EnableSTStorage = true
	o.EnableHistogramSTEncoding = true
	o.FloatChunkEncoding = chunkenc.EncXOR2
	o.EnableExemplarStorage = true
	o.MaxExemplars = maxExemplars // As the log may have; see fitExemplars.
	return o
}

// Writer returns the store's way in.
func (s *Store) Writer() *Writer { return s.writer }

// Registry holds the TSDB's own metrics.
func (s *Store) Registry() *prometheus.Registry { return s.registry }

// Retention returns how long raw samples are kept.
func (s *Store) Retention() time.Duration { return s.cfg.Retention }

// Lateness returns how far behind the newest sample one that is still accepted
// may lie: the newest may be ahead of the clock that ages are measured by.
func (s *Store) Lateness() time.Duration { return s.cfg.Lateness + s.cfg.Ahead }

// outOfOrderWindow is how much older than its series' newest a sample or an
// exemplar may be for the TSDB, in milliseconds. The writer asks for the lateness
// by the clock. Samples in memory reach back another block and a half, between
// which those of a backfill are put.
func (s *Store) outOfOrderWindow() int64 { return (s.Lateness() + 2*blockRange).Milliseconds() }

// Querier reads the raw samples of all tenants in [mint, maxt], milliseconds.
func (s *Store) Querier(mint, maxt int64) (storage.Querier, error) {
	return whole{s}.Querier(mint, maxt)
}

// MinTime returns the time of the oldest sample in milliseconds, and false
// when there is none.
func (s *Store) MinTime() (int64, bool) {
	oldest, found := int64(0), false
	db := s.core.Load().db
	for _, b := range db.Blocks() {
		if t := b.MinTime(); !found || t < oldest {
			oldest, found = t, true
		}
	}
	h := db.Head()
	if h.NumSeries() == 0 {
		return oldest, found
	}
	if t := min(h.MinTime(), h.MinOOOTime()); !found || t < oldest {
		oldest, found = t, true
	}
	return oldest, found
}

// Failed is closed once the store has met a failure that only a restart mends:
// a sync that failed, after which nobody knows what the disk holds.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Close flushes and closes the TSDB. Writes must have ended. On a disk that takes
// nothing more it only syncs the log: the next start replays that.
func (s *Store) Close(_ context.Context) error {
	close(s.closing)
	<-s.tended
	c := s.core.Load()
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if err := s.cfg.Disk.Room(); err != nil || broken != nil {
		s.log.Warn("the TSDB is left as it is; the next start reads its log", "err", err)
		return errors.Join(broken, c.syncer.close())
	}
	return c.close()
}
