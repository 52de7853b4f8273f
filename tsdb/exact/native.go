package exact

import (
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// nativeLatency counts the buckets of native histograms, step by step. They
// are for percentiles alone: what is billed comes from count and sum.
func (c *computation) nativeLatency(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	toMs := float64(u.family.timeScale()) / float64(perMillisecond)
	return c.follow(u, perCount, r, d, ls, it, func(st step, prev, v sample, s *slot) {
		if st.growth == 0 || v.native == nil {
			return
		}
		grown := v.native
		if !st.anew {
			if prev.native == nil {
				return
			}
			var err error
			if grown, _, _, err = v.native.Copy().Sub(prev.native); err != nil {
				return // Its bounds changed; there is no telling what grew.
			}
		}
		for buckets := grown.AllBucketIterator(); buckets.Next(); {
			b := buckets.At()
			if n := int64(math.Round(b.Count)); n > 0 && b.Upper > 0 {
				s.latency.Observe(b.Upper*toMs, n)
			}
		}
	})
}

// rises counts how often a gauge of replicas leaves 0. Every gateway tells the
// same, so only one is read.
func (c *computation) rises(r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	if r.riser == nil {
		r.riser = d
	}
	if r.riser != d {
		return nil
	}
	last, known, err := c.reader.before(c.ctx, ls, "")
	if err != nil {
		return err
	}
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		v, ok := sampleAt(it, kind, "")
		if !ok || value.IsStaleNaN(v.v) {
			continue
		}
		// A gauge that is new tells nothing: it may have stood so for long.
		if known && last.v == 0 && v.v > 0 && v.t > c.reader.from {
			r.slots[(v.t-1-c.reader.from)/slotMs].coldStarts.add(int64(perCount))
		}
		last, known = v, true
	}
	return nil
}

// memoryIn returns the memory of an invocation in bytes as a label tells it, 0
// when none does.
func (f *Family) memoryIn(ls labels.Labels) int64 {
	if f.MemoryLabel == "" {
		return 0
	}
	mb, err := strconv.ParseInt(ls.Get(f.MemoryLabel), 10, 32)
	if err != nil || mb < 0 {
		return 0
	}
	return mb << 20
}
