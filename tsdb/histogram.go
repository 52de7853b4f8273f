package tsdb

import (
	"errors"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/histogram"

	"invoq/ingest"
)

// maxBucketIndex is above the index of every bucket that a float64 can fall in:
// of the finest schema there are 256 to each of some 2,100 powers of two.
const maxBucketIndex = 1 << 20

// maxBuckets bounds the buckets of one histogram: clients make 160 unless they are
// told otherwise, and windows hold those that have counted.
const maxBuckets = 1 << 14

// histogramPoint returns a histogram as it is stored. Of a stale marker nothing
// but that it is one counts: its buckets are not looked at, and may contradict
// themselves. What is finer than the TSDB keeps is made coarser, as Prometheus
// does.
func histogramPoint(h *ingest.Histogram) point {
	p := point{t: h.T, start: h.Start, h: h.Int, fh: h.Float}
	stale := p.stale()
	switch {
	case p.h != nil && stale:
		p.h = &histogram.Histogram{Sum: p.h.Sum}
	case p.fh != nil && stale:
		p.fh = &histogram.FloatHistogram{Sum: p.fh.Sum}
	case p.h != nil && tooFine(p.h.Schema):
		// Where that cannot be done the schema stays, for which it is refused.
		_ = p.h.ReduceResolution(histogram.ExponentialSchemaMax)
	case p.fh != nil && tooFine(p.fh.Schema):
		_ = p.fh.ReduceResolution(histogram.ExponentialSchemaMax)
	}
	return p
}

// tooFine reports whether a schema is one of those that are finer than the TSDB's.
func tooFine(schema int32) bool {
	return schema > histogram.ExponentialSchemaMax && histogram.IsExponentialSchemaReserved(schema)
}

// histogram reports whether the point is one, and why it cannot be stored.
func (p point) histogram() (is bool, err error) {
	switch {
	case p.h != nil && !p.stale():
		h := p.h
		return true, errors.Join(h.Validate(), checkBuckets(h.ZeroThreshold, h.PositiveSpans, h.NegativeSpans))
	case p.fh != nil && !p.stale():
		h := p.fh
		return true, errors.Join(h.Validate(), checkBuckets(h.ZeroThreshold, h.PositiveSpans, h.NegativeSpans))
	}
	return p.h != nil || p.fh != nil, nil
}

// checkBuckets looks at what the library does not. Two histograms are widened
// until their zero buckets are the same, and NaN never is: a query of such a
// series would run for ever. Where indexes overflow one would panic.
func checkBuckets(zeroThreshold float64, sides ...[]histogram.Span) error {
	if !(zeroThreshold >= 0) || math.IsInf(zeroThreshold, 0) {
		return fmt.Errorf("the zero bucket ends at %g", zeroThreshold)
	}
	buckets := int64(0)
	for _, spans := range sides {
		index := int64(0)
		for _, s := range spans {
			index += int64(s.Offset)
			if index < -maxBucketIndex || index+int64(s.Length) > maxBucketIndex {
				return fmt.Errorf("bucket %d is of no number", index)
			}
			index += int64(s.Length)
			if buckets += int64(s.Length); buckets > maxBuckets {
				return fmt.Errorf("more than %d buckets", maxBuckets)
			}
		}
	}
	return nil
}
