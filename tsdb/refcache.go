package tsdb

import (
	"bytes"

	"github.com/prometheus/prometheus/storage"

	"invoq"
)

// refCache remembers the storage reference of each series by the bytes that
// name it on the wire, so that a known series needs no parsing, sorting or
// validation of labels. Hashes only find candidates; bytes decide. A cache is
// guarded by its shard's lock.
type refCache struct {
	entries map[uint64]*seriesEntry
	// age counts sweeps; an entry that two sweeps have not seen used goes.
	age uint32
}

// seriesEntry is what is known about one series.
type seriesEntry struct {
	scope  invoq.TenantName // the scope's tenant; empty when labels decide
	key    []byte
	ref    storage.SeriesRef
	tenant invoq.TenantName // stamped on the series
	// billable series feed a bill: their values must be finite.
	billable bool
	used     uint32
	// settled is set once newest is known: no sample of the series that was
	// ever stored is newer. It may lie above what is stored, never below.
	settled bool
	newest  int64
	// pending is the number of the last appender that took points of it.
	pending uint32
	next    *seriesEntry // another series with the same hash
}

// newRefCache returns an empty cache.
func newRefCache() *refCache { return &refCache{entries: map[uint64]*seriesEntry{}} }

// find returns the entry of the series, or nil.
func (c *refCache) find(hash uint64, scope invoq.TenantName, key []byte) *seriesEntry {
	for e := c.entries[hash]; e != nil; e = e.next {
		if e.scope == scope && bytes.Equal(e.key, key) {
			e.used = c.age
			return e
		}
	}
	return nil
}

// add stores the entry under a copy of key.
func (c *refCache) add(hash uint64, key []byte, e *seriesEntry) {
	e.key = bytes.Clone(key)
	e.used = c.age
	e.next = c.entries[hash]
	c.entries[hash] = e
}

// sweep drops what was not used since the sweep before the last.
func (c *refCache) sweep() {
	for hash, first := range c.entries {
		var kept *seriesEntry
		for e := first; e != nil; {
			next := e.next
			if c.age-e.used < 2 {
				e.next, kept = kept, e
			}
			e = next
		}
		if kept == nil {
			delete(c.entries, hash)
			continue
		}
		c.entries[hash] = kept
	}
	c.age++
}
