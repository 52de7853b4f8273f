package exact

import (
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// walk follows a counter through the interval. It calls each for every step
// that lies in it, with the slot that the step belongs to.
func (c *computation) walk(
	u use, s scale, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator, each func(step, *slot),
) error {
	return c.follow(u, s, r, d, ls, it, func(st step, _, _ sample, s *slot) { each(st, s) })
}

// follow is walk for who needs the samples of a step too: the one before it,
// which is none at a birth, and the one that shows it.
func (c *computation) follow(
	u use, s scale, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator,
	each func(st step, prev, v sample, s *slot),
) error {
	target := c.fleet.targets.of(ls)
	ct := counter{scale: s, births: c.births(r, target)}
	first := true
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		v, ok := sampleAt(it, kind, u.family.Native)
		if !ok {
			continue
		}
		if value.IsStaleNaN(v.v) {
			d.stale = max(d.stale, v.t)
			c.newest = max(c.newest, v.t)
			continue
		}
		if v.start == 0 {
			v.start = target.startAt(v.t)
		}
		c.newest = max(c.newest, v.t)
		if first && v.t > c.reader.from {
			last, ok, err := c.reader.before(c.ctx, ls, u.family.Native)
			if err != nil {
				return err
			}
			if ok {
				ct.resume(last)
			}
		}
		first = false
		prev := ct.prev
		st, ok := ct.next(v)
		if ok && v.t > c.reader.from {
			each(st, prev, v, &r.slots[(v.t-1-c.reader.from)/slotMs])
		}
	}
	return nil
}

// births returns what decides whether a first sample counts from zero.
func (c *computation) births(r *revision, t *target) births {
	watched, ok := c.req.Watched[r.service.key.Tenant]
	if !ok {
		watched = c.reader.from
	}
	b := births{watched: watched, skipFirstSight: c.req.SkipFirstSight}
	if t != nil {
		b.targetSince = t.since
	}
	return b
}

// invocations counts requests. Its steps also date the pod: when it was first
// seen, and when it was scraped.
func (c *computation) invocations(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	seen := false
	r.service.counted = true
	memoryBytes := u.family.memoryIn(ls)
	return c.walk(u, perCount, r, d, ls, it, func(st step, s *slot) {
		s.seen = true
		s.invocations.add(st.growth)
		if st.growth > 0 && memoryBytes > 0 {
			r.memoryBytes = memoryBytes
		}
		if st.born == bornAssumed {
			s.assumed.add(st.growth)
		}
		if !seen {
			d.meet(st)
			seen = true
			if st.from != 0 {
				d.times = append(d.times, st.from)
			}
		}
		d.times = append(d.times, st.t)
	})
}

// meet notes a series' first step in the interval: the pod is new when all of
// its series are, and was not there before anybody watched.
func (d *pod) meet(st step) {
	at, born := st.t, st.born != bornBefore
	if st.born == bornNot {
		at, born = st.from, false
	}
	switch {
	case d.firstSeen == 0 || at < d.firstSeen:
		d.firstSeen, d.bornAt = at, 0
		if born {
			d.bornAt = at
		}
	case at == d.firstSeen && !born:
		d.bornAt = 0
	}
}

// duration counts the time spent in requests, and multiplies every step of it by
// the memory held over that step. Where no memory was seen, the limit that was
// set for the service stands in; without one the time is noted as unmeasured.
func (c *computation) duration(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	g := d.memory
	if g == nil {
		g = &d.node.memory
		if d.node.owner() == nil {
			g = nil
		}
	}
	limit := r.memoryBytes
	if limit == 0 {
		limit = c.req.MemoryLimits[r.service.key]
	}
	return c.walk(u, u.family.timeScale(), r, d, ls, it, func(st step, s *slot) {
		s.seen = true
		s.durationNs.add(st.growth)
		if st.growth == 0 {
			return
		}
		twice, most, ok := g.over(st.from, st.t)
		if !ok {
			twice, most, ok = r.memoryOver(st.from, st.t)
		}
		switch {
		case ok:
			s.maxBytes = max(s.maxBytes, most)
		case limit > 0:
			twice = 2 * limit
		default:
			s.unmeasuredNs.add(st.growth)
		}
		s.byteNs.addProduct(uint64(st.growth), uint64(twice))
	})
}

// latency counts one bucket of a histogram, slot by slot.
func (c *computation) latency(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	if u.family.Native != "" {
		return c.nativeLatency(u, r, d, ls, it)
	}
	upper, err := strconv.ParseFloat(ls.Get(labels.BucketLabel), 64)
	if err != nil || math.IsNaN(upper) {
		return nil // Not a bucket of a histogram.
	}
	upperMs := upper * float64(u.family.timeScale()) / float64(perMillisecond)
	if d.buckets == nil {
		d.buckets = map[float64][]int64{}
	}
	if d.buckets[upperMs] == nil {
		d.buckets[upperMs] = make([]int64, len(r.slots))
	}
	counts := d.buckets[upperMs]
	return c.walk(u, perCount, r, d, ls, it, func(st step, _ *slot) {
		counts[(st.t-1-c.reader.from)/slotMs] += st.growth
	})
}

// cpu counts the time on a processor.
func (c *computation) cpu(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	return c.walk(u, u.family.timeScale(), r, d, ls, it, func(st step, s *slot) { s.cpuNs.add(st.growth) })
}

// coldStarts counts starts, for profiles that have a counter of them.
func (c *computation) coldStarts(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	if u.family.Rises {
		return c.rises(r, d, ls, it)
	}
	return c.walk(u, perCount, r, d, ls, it, func(st step, s *slot) { s.coldStarts.add(st.growth) })
}

// errors counts requests that failed, as the profile tells them apart.
func (c *computation) errors(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	return c.walk(u, perCount, r, d, ls, it, func(st step, s *slot) { s.errors.add(st.growth) })
}
