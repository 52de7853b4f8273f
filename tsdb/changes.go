package tsdb

import (
	"sync"

	"invoq"
)

// changes remembers, for each tenant, the oldest sample stored since somebody
// last asked, and the newest ever: what the windows have to be computed from.
// It is memory only; after a start everything within the lateness is computed
// again.
type changes struct {
	mu     sync.Mutex
	oldest map[invoq.TenantName]int64
	newest int64
}

// newChanges returns a tracker that has seen no sample yet.
func newChanges() *changes { return &changes{oldest: map[invoq.TenantName]int64{}} }

// span is the range of a batch's stored samples of one tenant, milliseconds.
type span struct{ oldest, newest int64 }

// add notes the times that a tenant's samples were written to.
func (c *changes) add(tenant invoq.TenantName, s span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.oldest[tenant]; !ok || s.oldest < t {
		c.oldest[tenant] = s.oldest
	}
	c.newest = max(c.newest, s.newest)
}

// TakeChanges returns the time of the oldest sample stored for each tenant
// since the last call, in milliseconds, and forgets it. A caller that fails to
// use the answer hands it back with ReturnChanges.
func (s *Store) TakeChanges() map[invoq.TenantName]int64 {
	s.changes.mu.Lock()
	defer s.changes.mu.Unlock()
	taken := s.changes.oldest
	s.changes.oldest = map[invoq.TenantName]int64{}
	return taken
}

// ReturnChanges hands back what TakeChanges gave.
func (s *Store) ReturnChanges(taken map[invoq.TenantName]int64) {
	for tenant, t := range taken {
		s.changes.add(tenant, span{oldest: t})
	}
}

// NewestSample returns the time of the newest sample stored since the start,
// in milliseconds, 0 when there is none.
func (s *Store) NewestSample() int64 {
	s.changes.mu.Lock()
	defer s.changes.mu.Unlock()
	return s.changes.newest
}
