package invoq

import (
	"math"
	"slices"
)

// Latency is a histogram of invocation durations that adds up across pods,
// revisions and windows. The zero value is empty and ready to use.
type Latency struct {
	// UpperMs are the buckets' inclusive upper bounds in milliseconds,
	// ascending; +Inf may be the last.
	UpperMs []float64
	// Counts are the invocations in each bucket alone (not cumulative).
	Counts []int64
}

// Observe adds n invocations to the bucket with the given upper bound.
func (l *Latency) Observe(upperMs float64, n int64) {
	if n == 0 {
		return
	}
	i, found := slices.BinarySearch(l.UpperMs, upperMs)
	if !found {
		l.UpperMs = slices.Insert(l.UpperMs, i, upperMs)
		l.Counts = slices.Insert(l.Counts, i, 0)
	}
	l.Counts[i] += n
}

// Merge adds the other histogram bucket by bucket. Where the layouts differ
// each count stays at the bound it was reported with.
func (l *Latency) Merge(o Latency) {
	for i, upper := range o.UpperMs {
		l.Observe(upper, o.Counts[i])
	}
}

// Clone returns a copy that shares nothing.
func (l Latency) Clone() Latency {
	return Latency{UpperMs: slices.Clone(l.UpperMs), Counts: slices.Clone(l.Counts)}
}

// Total returns the number of invocations counted.
func (l Latency) Total() int64 {
	var n int64
	for _, c := range l.Counts {
		n += c
	}
	return n
}

// Quantile estimates the q-quantile (0 to 1) in milliseconds, linear inside a
// bucket as PromQL's histogram_quantile has it: the answer is off by at most
// the bucket's width. A rank in the +Inf bucket gives the highest finite
// bound. It reports false when nothing was counted.
func (l Latency) Quantile(q float64) (float64, bool) {
	total := l.Total()
	if total <= 0 {
		return 0, false
	}
	rank := q * float64(total)
	var below int64
	lower := 0.0
	for i, upper := range l.UpperMs {
		if float64(below+l.Counts[i]) >= rank && l.Counts[i] > 0 {
			if i == len(l.UpperMs)-1 && math.IsInf(upper, 1) {
				return lower, true
			}
			return lower + (upper-lower)*(rank-float64(below))/float64(l.Counts[i]), true
		}
		below += l.Counts[i]
		lower = upper
	}
	return lower, true
}
