package tsdb

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"invoq"
	"invoq/ingest"
)

// errSeriesLimit refuses a new series of a tenant that has too many.
var errSeriesLimit = errors.New("tenant has too many active series")

// seriesLimit counts the active series of each tenant and refuses new ones
// above the limit. The TSDB calls it as series come and go.
type seriesLimit struct {
	limit int64
	// enforced is false while the log is replayed: what was accepted once is
	// never refused again.
	enforced atomic.Bool
	mu       sync.RWMutex
	counts   map[string]*atomic.Int64 // by tenant name
}

// newSeriesLimit returns a limit that is not enforced yet: series that a restart
// replays were let in before.
func newSeriesLimit(limit int) *seriesLimit {
	return &seriesLimit{limit: int64(limit), counts: map[string]*atomic.Int64{}}
}

// reset forgets all series, which are about to be replayed.
func (l *seriesLimit) reset() {
	l.enforced.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.counts)
}

// enforce starts refusing.
func (l *seriesLimit) enforce() { l.enforced.Store(true) }

// count returns the number of a tenant's series, to be read and changed.
func (l *seriesLimit) count(tenant string) *atomic.Int64 {
	l.mu.RLock()
	c := l.counts[tenant]
	l.mu.RUnlock()
	if c != nil {
		return c
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c = l.counts[tenant]; c == nil {
		c = new(atomic.Int64)
		// Cloned, since the caller's string may point into a label set.
		l.counts[strings.Clone(tenant)] = c
	}
	return c
}

// PreCreation refuses a series above its tenant's limit.
func (l *seriesLimit) PreCreation(ls labels.Labels) error {
	if l.enforced.Load() && l.count(ls.Get(ingest.TenantLabel)).Load() >= l.limit {
		return errSeriesLimit
	}
	return nil
}

// PostCreation counts a new series.
func (l *seriesLimit) PostCreation(ls labels.Labels) {
	l.count(ls.Get(ingest.TenantLabel)).Add(1)
}

// PostDeletion forgets series that have ended.
func (l *seriesLimit) PostDeletion(gone map[chunks.HeadSeriesRef]labels.Labels) {
	for _, ls := range gone {
		l.count(ls.Get(ingest.TenantLabel)).Add(-1)
	}
}

// ActiveSeries returns how many series of the tenant are active.
func (s *Store) ActiveSeries(tenant invoq.TenantName) int64 {
	return s.series.count(string(tenant)).Load()
}
