package ingest

import (
	"encoding/binary"
	"math"

	"github.com/prometheus/prometheus/model/histogram"

	"invoq"
)

// wireHistogram is a Histogram message as it is read, before it is known
// whether its counts are integers.
//
//	Histogram { oneof { uint64 count_int = 1; double count_float = 2 } double sum = 3;
//	            sint32 schema = 4; double zero_threshold = 5;
//	            oneof { uint64 zero_count_int = 6; double zero_count_float = 7 }
//	            repeated BucketSpan negative_spans = 8;
//	            repeated sint64 negative_deltas = 9; repeated double negative_counts = 10;
//	            repeated BucketSpan positive_spans = 11;
//	            repeated sint64 positive_deltas = 12; repeated double positive_counts = 13;
//	            ResetHint reset_hint = 14; int64 timestamp = 15;
//	            repeated double custom_values = 16; int64 start_timestamp = 17 (2.0 only) }
//
// Source: prometheus/prompb/types.proto and io/prometheus/write/v2/types.proto,
// which number the fields alike.
type wireHistogram struct {
	float                        bool
	count, zeroCount             uint64
	countFloat, zeroFloat        float64
	sum, zeroThreshold           float64
	schema                       int32
	hint                         byte
	t, start                     int64
	negativeSpans, positiveSpans []histogram.Span
	negativeDeltas               []int64
	positiveDeltas               []int64
	negativeCounts               []float64
	positiveCounts               []float64
	customValues                 []float64
}

// decodeHistogram reads one Histogram message into the batch.
func decodeHistogram(b []byte, lim Limits, out *Batch) error {
	if len(out.Histograms) == lim.Histograms {
		return invoq.Errorf(invoq.KindTooLarge, "request has more than %d native histograms", lim.Histograms)
	}
	var w wireHistogram
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return errTruncated
		}
		next, err := skip(b, j, int(tag&7))
		if err != nil {
			return err
		}
		if tag&7 == wireBytes {
			from, _, _ := span(b, j)
			err = w.list(tag>>3, b[from:next], lim, out)
		} else {
			err = w.scalar(tag, b[j:next], lim, out)
		}
		if err != nil {
			return err
		}
		i = next
	}
	out.Histograms = append(out.Histograms, w.histogram())
	return nil
}

// histogram returns what was read in the form in which it is stored.
func (w *wireHistogram) histogram() Histogram {
	h := Histogram{T: w.t, Start: w.start}
	if w.float {
		h.Float = &histogram.FloatHistogram{
			CounterResetHint: histogram.CounterResetHint(w.hint), Schema: w.schema,
			ZeroThreshold: w.zeroThreshold, ZeroCount: w.zeroFloat, Count: w.countFloat, Sum: w.sum,
			PositiveSpans: w.positiveSpans, PositiveBuckets: w.positiveCounts,
			NegativeSpans: w.negativeSpans, NegativeBuckets: w.negativeCounts,
			CustomValues: w.customValues,
		}
		return h
	}
	h.Int = &histogram.Histogram{
		CounterResetHint: histogram.CounterResetHint(w.hint), Schema: w.schema,
		ZeroThreshold: w.zeroThreshold, ZeroCount: w.zeroCount, Count: w.count, Sum: w.sum,
		PositiveSpans: w.positiveSpans, PositiveBuckets: w.positiveDeltas,
		NegativeSpans: w.negativeSpans, NegativeBuckets: w.negativeDeltas,
		CustomValues: w.customValues,
	}
	return h
}

// scalar reads a field that is one number; skip has checked its bounds. An
// element of a list that is not packed is one too.
func (w *wireHistogram) scalar(tag uint64, b []byte, lim Limits, out *Batch) error {
	if tag&7 == wireI64 {
		return w.fixed(tag>>3, b, lim, out)
	}
	if tag&7 != wireVarint {
		return nil
	}
	n, _ := varint(b, 0)
	switch tag >> 3 {
	case 1:
		w.count, w.float = n, false
	case 4:
		w.schema = int32(unzigzag(n & math.MaxUint32))
	case 6:
		w.zeroCount, w.zeroFloat = n, 0
	case 14:
		if w.hint = 0; n <= uint64(histogram.GaugeType) {
			w.hint = byte(n)
		}
	case 15:
		w.t = int64(n)
	case 17:
		w.start = int64(n)
	case 9, 12:
		return w.list(tag>>3, b, lim, out)
	}
	return nil
}

// fixed reads a field of eight bytes.
func (w *wireHistogram) fixed(field uint64, b []byte, lim Limits, out *Batch) error {
	v := math.Float64frombits(binary.LittleEndian.Uint64(b))
	switch field {
	case 2:
		w.countFloat, w.float = v, true
	case 3:
		w.sum = v
	case 5:
		w.zeroThreshold = v
	case 7:
		w.zeroFloat, w.zeroCount = v, 0
	case 10, 13, 16:
		return w.list(field, b, lim, out)
	}
	return nil
}

// list reads a field that repeats, or a packed run of it.
func (w *wireHistogram) list(field uint64, b []byte, lim Limits, out *Batch) (err error) {
	switch field {
	case 8, 11:
		to := &w.negativeSpans
		if field == 11 {
			to = &w.positiveSpans
		}
		if err := out.take(1, lim); err != nil {
			return err
		}
		s, err := decodeSpan(b)
		*to = append(*to, s)
		return err
	case 9:
		w.negativeDeltas, err = appendDeltas(w.negativeDeltas, b, lim, out)
	case 12:
		w.positiveDeltas, err = appendDeltas(w.positiveDeltas, b, lim, out)
	case 10:
		w.negativeCounts, err = appendDoubles(w.negativeCounts, b, lim, out)
	case 13:
		w.positiveCounts, err = appendDoubles(w.positiveCounts, b, lim, out)
	case 16:
		w.customValues, err = appendDoubles(w.customValues, b, lim, out)
	}
	return err
}

// take counts elements of histograms before memory is allocated for them.
func (b *Batch) take(n int, lim Limits) error {
	if b.elements += n; b.elements > lim.Buckets {
		return invoq.Errorf(invoq.KindTooLarge,
			"the native histograms of a request have more than %d spans and buckets", lim.Buckets)
	}
	return nil
}

// appendDeltas appends packed sint64 numbers.
func appendDeltas(to []int64, b []byte, lim Limits, out *Batch) ([]int64, error) {
	n := 0
	for _, c := range b {
		n += int(^c >> 7) // The last byte of a varint has no high bit.
	}
	if err := out.take(n, lim); err != nil {
		return to, err
	}
	if to == nil {
		to = make([]int64, 0, n)
	}
	for i := 0; i < len(b); {
		v, next := varint(b, i)
		if next < 0 {
			return to, errTruncated
		}
		to, i = append(to, unzigzag(v)), next
	}
	return to, nil
}

// appendDoubles appends packed doubles.
func appendDoubles(to []float64, b []byte, lim Limits, out *Batch) ([]float64, error) {
	if len(b)%8 != 0 {
		return to, errTruncated
	}
	if err := out.take(len(b)/8, lim); err != nil {
		return to, err
	}
	if to == nil {
		to = make([]float64, 0, len(b)/8)
	}
	for ; len(b) > 0; b = b[8:] {
		to = append(to, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return to, nil
}

// decodeSpan reads a BucketSpan message { sint32 offset = 1; uint32 length = 2 }.
func decodeSpan(b []byte) (histogram.Span, error) {
	var s histogram.Span
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return s, errTruncated
		}
		next, err := skip(b, j, int(tag&7))
		if err != nil {
			return s, err
		}
		n, _ := varint(b, j)
		switch tag {
		case 1<<3 | wireVarint:
			s.Offset = int32(unzigzag(n & math.MaxUint32))
		case 2<<3 | wireVarint:
			s.Length = uint32(n)
		}
		i = next
	}
	return s, nil
}

// unzigzag returns the signed number that n encodes.
func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }
