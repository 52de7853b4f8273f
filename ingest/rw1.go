package ingest

import "invoq"

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
	s := out.begin()
	// Fast path: the labels come first, in one piece, and are short.
	first, labelCount := labelRun(b, lim.Labels)
	if first > 0 {
		s.Labels = b[:first:first]
	}
	for i := first; i < len(b); {
		start := i
		tag, j := varint(b, i)
		if j < 0 {
			return badProto()
		}
		next, err := skip(b, j, int(tag&7))
		if err != nil {
			return badProto()
		}
		i = next
		if tag&7 != wireBytes {
			continue
		}
		if tag>>3 != labelsV1 {
			from, _, _ := span(b, j)
			if err := valueV1(tag>>3, b[from:next], lim, out); err != nil {
				return err
			}
			continue
		}
		if labelCount++; labelCount <= lim.Labels {
			s.Labels = appendField(s.Labels, b, start, next)
		}
	}
	if labelCount > lim.Labels {
		// The other series of the request are worth no less for it.
		out.drop(s, TooManyLabels, func() string { return describe(s.Labels) })
		return nil
	}
	out.end(s)
	return nil
}

// labelRun returns where the labels end that a TimeSeries message begins with,
// and how many they are, at most the most. It stops before what is unusual.
func labelRun(b []byte, most int) (end, labels int) {
	for labels < most && end+1 < len(b) && b[end] == labelsV1<<3|wireBytes && b[end+1] < 0x80 {
		next := end + 2 + int(b[end+1])
		if next > len(b) {
			break
		}
		end, labels = next, labels+1
	}
	return end, labels
}

// labelsV1 is the field of a TimeSeries message of 1.0 that holds labels.
const labelsV1 = 1

// The fields of a TimeSeries message of 1.0 that hold values.
const (
	samplesV1    = 2
	exemplarsV1  = 3
	histogramsV1 = 4
)

// valueV1 reads one element of a field that holds values.
func valueV1(field uint64, b []byte, lim Limits, out *Batch) error {
	switch field {
	case samplesV1:
		return addSample(b, lim, out)
	case exemplarsV1:
		return addExemplar(b, lim, out, labelFields)
	case histogramsV1:
		return addHistogram(b, lim, out)
	}
	return nil
}

// appendField extends run, the label fields of message b seen so far, by
// b[from:to]. Every sender writes them in one piece, so that nothing is copied;
// where one does not, the pieces are joined in new memory, once: a message's
// labels are no longer than the message.
func appendField(run, b []byte, from, to int) []byte {
	if run == nil {
		return b[from:to:to]
	}
	if end := from - len(run); end >= 0 && &b[end] == &run[0] {
		return b[end:to:to]
	}
	// Only what was joined before has room.
	if cap(run)-len(run) < to-from {
		run = append(make([]byte, 0, len(b)), run...)
	}
	return append(run, b[from:to]...)
}
