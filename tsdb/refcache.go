package tsdb

import (
	"github.com/prometheus/prometheus/storage"

	"invoq"
	"invoq/ingest"
)

// refCache remembers the storage reference of each series by the labels that
// name it on the wire, so that a known series needs no parsing, sorting or
// validation of labels. Hashes only find candidates; bytes decide. A cache is
// guarded by its shard's lock.
//
// A sender repeats its series in the same order, so that the one which followed
// the last the time before is tried first, and mostly saves the search.
type refCache struct {
	entries map[uint64]*seriesEntry
	fields  fieldTable
	owners  map[owning]*owner
	// batch is the request at work, and meaning says which field each label is
	// that it numbers, plus one; 0 where that is not known yet.
	batch   *ingest.Batch
	meaning []uint32
	// last is the entry found before, of the same request; nil at its beginning.
	last *seriesEntry
	// age counts sweeps; an entry that two sweeps have not seen used goes.
	age uint32
	// bytes is what the entries take, about, without their fields.
	bytes int
}

// What an entry and a field of the cache take beside their numbers and bytes.
const (
	entryBytes = 112
	fieldBytes = 56
)

// The cache of a shard may take spareCacheBytes, and cacheBytesASeries for each
// series of the shard: some spellings of each, and those that have ended.
const (
	spareCacheBytes   = 16 << 20
	cacheBytesASeries = 2 << 10
)

// crowded reports whether the cache takes more than so many series of the TSDB
// are a reason for. A sender may spell the same series in any number of ways, with
// empty labels or in another order, and all of them would be remembered.
func (c *refCache) crowded(series int) bool {
	return c.bytes+c.fields.bytes > spareCacheBytes+series*cacheBytesASeries
}

// seriesEntry is what is known about one series. There is one for every active
// series, so it is kept small.
type seriesEntry struct {
	owner *owner
	// key numbers the label fields that, joined, are the series' bytes.
	key []uint32
	ref storage.SeriesRef
	// newest is set once settled is: no sample of the series that was ever stored
	// is newer. It may lie above what is stored, never below.
	newest int64
	// follower is the series that came after this one in a request.
	follower *seriesEntry
	next     *seriesEntry // another series with the same hash
	used     uint32
	// pending is the number of the last appender that took points of it.
	pending uint32
	settled bool
	// billable series feed a bill: their values must be finite.
	billable bool
}

// owning says how a series came to its tenant.
type owning struct {
	scope  invoq.TenantName // the scope's tenant; empty when labels decide
	tenant invoq.TenantName // stamped on the series
}

// owner is a tenant as the series of a shard have it in common.
type owner struct {
	owning
	// touched is the number of the last batch that stored points of it, and
	// span the range of their times.
	touched uint64
	span    span
}

// newRefCache returns an empty cache.
func newRefCache() *refCache {
	return &refCache{
		entries: map[uint64]*seriesEntry{}, fields: newFieldTable(), owners: map[owning]*owner{},
	}
}

// begin begins with the series of another request.
func (c *refCache) begin(b *ingest.Batch) {
	c.batch, c.last = b, nil
	c.meaning = resize(c.meaning, b.Numbered())
	clear(c.meaning)
}

// keptMeanings is for how many labels memory is kept from one request to the
// next: what Prometheus sends has some hundreds.
const keptMeanings = 1 << 14

// end lets go of the request.
func (c *refCache) end() {
	c.batch = nil
	if cap(c.meaning) > keptMeanings {
		c.meaning = nil
	}
}

// find returns the entry of a series of the request, or nil.
func (c *refCache) find(hash uint64, scope invoq.TenantName, s *ingest.Series) *seriesEntry {
	// Fast path: the same series follows as the time before.
	if c.last != nil && c.last.follower != nil && c.is(c.last.follower, scope, s) {
		c.last = c.last.follower
		c.last.used = c.age
		return c.last
	}
	for e := c.entries[hash]; e != nil; e = e.next {
		if c.is(e, scope, s) {
			c.follow(e)
			return e
		}
	}
	return nil
}

// is reports whether the entry is of the series.
func (c *refCache) is(e *seriesEntry, scope invoq.TenantName, s *ingest.Series) bool {
	if e.owner.scope != scope {
		return false
	}
	if numbers := c.batch.Numbers(s); len(numbers) > 0 {
		return c.means(numbers, e.key)
	}
	return c.fields.spells(e.key, s.Labels)
}

// means reports whether the labels that the request has by these numbers are
// the fields of the key. Bytes are compared once a request for each label: two
// fields never have the same.
func (c *refCache) means(numbers, key []uint32) bool {
	if len(numbers) != len(key) {
		return false
	}
	for i, n := range numbers {
		field := key[i]
		if c.meaning[n] == field+1 {
			continue
		}
		if c.meaning[n] != 0 || string(c.batch.Label(n)) != c.fields.fields[field] {
			return false
		}
		c.meaning[n] = field + 1
	}
	return true
}

// follow notes that the entry came after the last.
func (c *refCache) follow(e *seriesEntry) {
	if c.last != nil {
		c.last.follower = e
	}
	c.last = e
	e.used = c.age
}

// add stores the entry under the series' labels, which are copied.
func (c *refCache) add(hash uint64, s *ingest.Series, e *seriesEntry) {
	if numbers := c.batch.Numbers(s); len(numbers) > 0 {
		e.key = c.key(numbers)
	} else {
		e.key = c.fields.key(s.Labels)
	}
	c.bytes += entryBytes + 4*len(e.key)
	e.next = c.entries[hash]
	c.entries[hash] = e
	c.follow(e)
}

// key returns the fields that the request's labels of these numbers are.
func (c *refCache) key(numbers []uint32) []uint32 {
	key := make([]uint32, len(numbers))
	for i, n := range numbers {
		if c.meaning[n] == 0 {
			c.meaning[n] = c.fields.number(c.batch.Label(n)) + 1
		}
		key[i] = c.meaning[n] - 1
	}
	return key
}

// owner returns what series of a tenant have in common.
func (c *refCache) owner(o owning) *owner {
	known := c.owners[o]
	if known == nil {
		known = &owner{owning: o}
		c.owners[o] = known
	}
	return known
}

// sweep drops what was not used since the sweep before the last, and the label
// fields and owners that no other series has.
func (c *refCache) sweep() {
	fields := newFieldTable()
	c.owners = map[owning]*owner{}
	c.last, c.bytes = nil, 0
	for hash, first := range c.entries {
		var kept *seriesEntry
		for e := first; e != nil; {
			next := e.next
			if c.age-e.used < 2 {
				fields.adopt(e.key, &c.fields)
				c.owners[e.owner.owning] = e.owner
				c.bytes += entryBytes + 4*len(e.key)
				// It may be one that goes.
				e.follower = nil
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
	c.fields = fields
	c.age++
}

// fieldTable numbers label fields. Series share most of theirs with others, so
// that numbers take a tenth of the memory of the bytes.
type fieldTable struct {
	numbers map[string]uint32
	fields  []string
	// bytes is what the fields take, about.
	bytes int
}

// newFieldTable returns an empty table.
func newFieldTable() fieldTable { return fieldTable{numbers: map[string]uint32{}} }

// key returns the numbers of the fields that make up raw.
func (t *fieldTable) key(raw []byte) []uint32 {
	n := 0
	for rest := raw; len(rest) > 0; n++ {
		_, rest = ingest.CutLabel(rest)
	}
	key := make([]uint32, n)
	for i := range key {
		var field []byte
		field, raw = ingest.CutLabel(raw)
		key[i] = t.number(field)
	}
	return key
}

// number returns the number of a field.
func (t *fieldTable) number(field []byte) uint32 {
	number, known := t.numbers[string(field)]
	if !known {
		number = t.add(string(field))
	}
	return number
}

// add numbers a new field.
func (t *fieldTable) add(field string) uint32 {
	number := uint32(len(t.fields))
	t.numbers[field] = number
	t.fields = append(t.fields, field)
	t.bytes += fieldBytes + len(field)
	return number
}

// adopt has a key of another table mean the same in this one.
func (t *fieldTable) adopt(key []uint32, from *fieldTable) {
	for i, number := range key {
		field := from.fields[number]
		own, known := t.numbers[field]
		if !known {
			own = t.add(field)
		}
		key[i] = own
	}
}

// spells reports whether the fields of the key, joined, are raw.
func (t *fieldTable) spells(key []uint32, raw []byte) bool {
	for _, number := range key {
		field := t.fields[number]
		if len(field) > len(raw) || string(raw[:len(field)]) != field {
			return false
		}
		raw = raw[len(field):]
	}
	return len(raw) == 0
}
