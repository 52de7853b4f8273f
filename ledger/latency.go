package ledger

import (
	"math"
	"sort"

	"invoq"
)

// maxAlike is how many invocations of one event the histogram takes: they are
// all told by one mean, which more of them would make no truer. It also keeps
// counts, which have 63 bits, from overflowing: that takes 9 × 10^12 events.
const maxAlike = 1_000_000

// latencyBuckets is the number of buckets, which must fit the bits of a word.
const latencyBuckets = 62

// latencyUpperMs are the inclusive upper bounds of the buckets of durations
// that events tell: Renard's series R10 (ISO 3) from 1 ms to 1,000 s, and all
// above. The bounds of a bucket are at most 28 % apart.
var latencyUpperMs = func() (upper [latencyBuckets]float64) {
	decade := [...]float64{100, 125, 160, 200, 250, 315, 400, 500, 630, 800}
	power := 1.0
	for i := range upper[:latencyBuckets-1] {
		upper[i] = decade[i%len(decade)] * power / 100
		if i%len(decade) == len(decade)-1 {
			power *= 10
		}
	}
	upper[latencyBuckets-1] = math.Inf(1)
	return upper
}()

// histogram counts invocations by the mean duration that their event tells.
// The zero value is empty.
type histogram struct {
	counts [latencyBuckets]int64
	told   uint64 // bits of the buckets that were counted in, whatever is left
}

// observe counts an event's invocations, or takes them back where both numbers
// are negative. Events without a duration tell nothing of it, and those that
// correct one of the two numbers alone move no invocation.
func (h *histogram) observe(invocations, durationMs invoq.Decimal) {
	n, whole := invocations.Int()
	if !whole || n == 0 || invocations.Sign() != durationMs.Sign() {
		return
	}
	mean := durationMs.Float() / invocations.Float()
	i := sort.SearchFloat64s(latencyUpperMs[:], mean)
	h.counts[i] += min(max(n, -maxAlike), maxAlike)
	h.told |= 1 << i
}

func (h *histogram) merge(o *histogram) {
	for i := range h.counts {
		h.counts[i] += o.counts[i]
	}
	h.told |= o.told
}

// latency returns the buckets that were counted in, each with the bound below
// it, so that estimates stay inside of it.
func (h *histogram) latency() invoq.Latency {
	var l invoq.Latency
	for i, n := range h.counts {
		if h.told&(1<<i) == 0 {
			continue
		}
		if i > 0 {
			l.Observe(latencyUpperMs[i-1], 0)
		}
		l.Observe(latencyUpperMs[i], n)
	}
	return l
}
