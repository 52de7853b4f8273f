package ingesttest

import (
	"encoding/binary"
	"math"

	"github.com/golang/snappy"

	"invoq/ingest"
)

// Series is a series to encode: label names and values in turn, and samples.
type Series struct {
	Labels     []string
	Samples    []ingest.Sample
	Histograms []ingest.Histogram
	Exemplars  []Exemplar
	// Type, Help and Unit describe the series in 2.0; the type is a number of
	// Metadata.MetricType.
	Type       byte
	Help, Unit string
}

// Exemplar is an exemplar to encode: label names and values in turn.
type Exemplar struct {
	Labels []string
	T      int64
	V      float64
}

// Encode returns the samples of the series as a prometheus.WriteRequest, not
// compressed.
func Encode(series ...Series) []byte {
	var out, msg, field []byte
	for _, s := range series {
		msg = AppendLabels(msg[:0], s.Labels)
		for _, sample := range s.Samples {
			field = AppendSample(field[:0], sample)
			msg = appendMessage(msg, 2, field)
		}
		out = appendMessage(out, 1, msg)
	}
	return out
}

// EncodeSnappy returns the series as the body of a remote-write 1.0 request.
func EncodeSnappy(series ...Series) []byte { return snappy.Encode(nil, Encode(series...)) }

// Batch returns the series as a decoded batch.
func Batch(series ...Series) *ingest.Batch {
	b := new(ingest.Batch)
	for _, s := range series {
		one := ingest.Series{
			Labels:         AppendLabels(nil, s.Labels),
			First:          int32(len(b.Samples)),
			FirstHistogram: int32(len(b.Histograms)),
			FirstExemplar:  int32(len(b.Exemplars)),
		}
		b.Samples = append(b.Samples, s.Samples...)
		b.Histograms = append(b.Histograms, s.Histograms...)
		for _, e := range s.Exemplars {
			b.Exemplars = append(b.Exemplars, ingest.Exemplar{
				Labels: AppendLabels(nil, e.Labels), T: e.T, V: e.V,
			})
		}
		one.End, one.EndHistogram = int32(len(b.Samples)), int32(len(b.Histograms))
		one.EndExemplar = int32(len(b.Exemplars))
		b.Series = append(b.Series, one)
	}
	return b
}

// AppendLabels appends the label pairs as fields of a TimeSeries message.
func AppendLabels(b []byte, pairs []string) []byte {
	for i := 0; i+1 < len(pairs); i += 2 {
		var label []byte
		label = appendMessage(label, 1, []byte(pairs[i]))
		label = appendMessage(label, 2, []byte(pairs[i+1]))
		b = appendMessage(b, 1, label)
	}
	return b
}

// AppendSample appends the content of a Sample message.
func AppendSample(b []byte, s ingest.Sample) []byte {
	b = append(b, 1<<3|1)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.V))
	b = append(b, 2<<3)
	return binary.AppendUvarint(b, uint64(s.T))
}

// appendMessage appends an embedded message: field, length, bytes.
func appendMessage(b []byte, field byte, msg []byte) []byte {
	b = append(b, field<<3|2)
	b = binary.AppendUvarint(b, uint64(len(msg)))
	return append(b, msg...)
}
