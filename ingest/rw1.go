package ingest

import (
	"bytes"
	"encoding/binary"
	"math"

	"invoq"
)

// decodeV1 reads a prometheus.WriteRequest (remote write 1.0) into the batch.
// It copies nothing: labels stay bytes of the request. Limits are checked as
// it goes, so a hostile request costs no more than its own length.
//
//	WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3 }
//	TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2;
//	               repeated Exemplar exemplars = 3; repeated Histogram histograms = 4 }
//	Sample       { double value = 1; int64 timestamp = 2 }
//
// Source: prometheus/prompb/remote.proto and types.proto.
func decodeV1(b []byte, lim Limits, out *Batch) error {
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return badProto()
		}
		if tag>>3 != 1 && tag>>3 != 3 || tag&7 != wireBytes {
			next, err := skip(b, j, int(tag&7))
			if err != nil {
				return badProto()
			}
			i = next
			continue
		}
		from, to, err := span(b, j)
		if err != nil {
			return badProto()
		}
		if tag>>3 == 1 {
			err = decodeSeriesV1(b[from:to], lim, out)
		} else {
			err = decodeMetadataV1(b[from:to], lim, out)
		}
		if err != nil {
			return err
		}
		i = to
	}
	return nil
}

// badProto refuses bytes that are no message, whatever they are.
func badProto() error {
	return invoq.Errorf(invoq.KindInvalid, "body is not a prometheus.WriteRequest: %v", errTruncated)
}

// decodeSeriesV1 reads one TimeSeries message.
func decodeSeriesV1(b []byte, lim Limits, out *Batch) error {
	if len(out.Series) == lim.Series {
		return invoq.Errorf(invoq.KindTooLarge, "request has more than %d series", lim.Series)
	}
	s := Series{First: int32(len(out.Samples))}
	labelCount, histograms := 0, 0
	for i := 0; i < len(b); {
		start := i
		tag, j := varint(b, i)
		if j < 0 {
			return badProto()
		}
		var err error
		switch tag {
		case 1<<3 | wireBytes:
			if _, i, err = span(b, j); err != nil {
				return badProto()
			}
			if labelCount++; labelCount > lim.Labels {
				return invoq.Errorf(invoq.KindTooLarge, "a series has more than %d labels", lim.Labels)
			}
			s.Labels = appendField(s.Labels, b, start, i)
		case 2<<3 | wireBytes:
			var from int
			if from, i, err = span(b, j); err != nil {
				return badProto()
			}
			if len(out.Samples) == lim.Samples {
				return invoq.Errorf(invoq.KindTooLarge, "request has more than %d samples", lim.Samples)
			}
			sample, err := decodeSampleV1(b[from:i])
			if err != nil {
				return badProto()
			}
			out.Samples = append(out.Samples, sample)
		default:
			if i, err = skip(b, j, int(tag&7)); err != nil {
				return badProto()
			}
			if tag == 4<<3|wireBytes {
				histograms++
			}
		}
	}
	if histograms > 0 {
		out.Skipped.Add(NativeHistogram, histograms, func() string { return describe(s.Labels) })
	}
	s.End = int32(len(out.Samples))
	out.Series = append(out.Series, s)
	return nil
}

// appendField extends run, the label fields seen so far, by b[from:to]. Every
// sender writes them in one piece, so that nothing is copied; where one does
// not, the pieces are joined in new memory.
func appendField(run, b []byte, from, to int) []byte {
	if run == nil {
		return b[from:to:to]
	}
	if end := from - len(run); end >= 0 && &b[end] == &run[0] {
		return b[end:to:to]
	}
	return append(bytes.Clone(run), b[from:to]...)
}

// decodeSampleV1 reads one Sample message.
func decodeSampleV1(b []byte) (Sample, error) {
	var s Sample
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return s, errTruncated
		}
		switch tag {
		case 1<<3 | wireI64:
			if j+8 > len(b) {
				return s, errTruncated
			}
			s.V = math.Float64frombits(binary.LittleEndian.Uint64(b[j:]))
			i = j + 8
		case 2<<3 | wireVarint:
			t, next := varint(b, j)
			if next < 0 {
				return s, errTruncated
			}
			s.T = int64(t)
			i = next
		default:
			next, err := skip(b, j, int(tag&7))
			if err != nil {
				return s, err
			}
			i = next
		}
	}
	return s, nil
}
