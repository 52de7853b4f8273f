package ingesttest

import (
	"encoding/binary"
	"math"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"

	"invoq/ingest"
)

// ContentType2 is the content type of a request of remote write 2.0.
const ContentType2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"

// Encode2 returns the series as an io.prometheus.write.v2.Request, not
// compressed.
func Encode2(series ...Series) []byte {
	table := symbols{byText: map[string]uint64{"": 0}, all: []string{""}}
	var body []byte
	for _, s := range series {
		body = appendMessage(body, 5, table.series(s))
	}
	var out []byte
	for _, text := range table.all {
		out = appendMessage(out, 4, []byte(text))
	}
	return append(out, body...)
}

// EncodeSnappy2 returns the series as the body of a remote-write 2.0 request.
func EncodeSnappy2(series ...Series) []byte { return snappy.Encode(nil, Encode2(series...)) }

// symbols is the table of strings of a request.
type symbols struct {
	byText map[string]uint64
	all    []string
}

// ref returns the reference of a string.
func (t *symbols) ref(text string) uint64 {
	n, known := t.byText[text]
	if !known {
		n = uint64(len(t.all))
		t.byText[text] = n
		t.all = append(t.all, text)
	}
	return n
}

// refs returns packed references.
func (t *symbols) refs(texts []string) []byte {
	var b []byte
	for _, text := range texts {
		b = binary.AppendUvarint(b, t.ref(text))
	}
	return b
}

// series returns the content of a TimeSeries message.
func (t *symbols) series(s Series) []byte {
	b := appendMessage(nil, 1, t.refs(s.Labels))
	for _, sample := range s.Samples {
		field := AppendSample(nil, sample)
		if sample.Start != 0 {
			field = binary.AppendUvarint(append(field, 3<<3), uint64(sample.Start))
		}
		b = appendMessage(b, 2, field)
	}
	for i := range s.Histograms {
		b = appendMessage(b, 3, appendHistogram(nil, &s.Histograms[i]))
	}
	for _, e := range s.Exemplars {
		field := appendMessage(nil, 1, t.refs(e.Labels))
		field = appendDouble(field, 2, e.V)
		field = binary.AppendUvarint(append(field, 3<<3), uint64(e.T))
		b = appendMessage(b, 4, field)
	}
	if s.Type == 0 && s.Help == "" && s.Unit == "" {
		return b
	}
	meta := []byte{1 << 3, s.Type}
	meta = binary.AppendUvarint(append(meta, 3<<3), t.ref(s.Help))
	meta = binary.AppendUvarint(append(meta, 4<<3), t.ref(s.Unit))
	return appendMessage(b, 5, meta)
}

// appendHistogram appends the content of a Histogram message.
func appendHistogram(b []byte, h *ingest.Histogram) []byte {
	if f := h.Float; f != nil {
		b = appendDouble(b, 2, f.Count)
		b = appendShape(b, f.Sum, f.Schema, f.ZeroThreshold, f.CustomValues)
		b = appendDouble(b, 7, f.ZeroCount)
		b = appendSpans(b, 8, f.NegativeSpans)
		b = appendDoubles(b, 10, f.NegativeBuckets)
		b = appendSpans(b, 11, f.PositiveSpans)
		b = appendDoubles(b, 13, f.PositiveBuckets)
	} else {
		n := h.Int
		b = binary.AppendUvarint(append(b, 1<<3), n.Count)
		b = appendShape(b, n.Sum, n.Schema, n.ZeroThreshold, n.CustomValues)
		b = binary.AppendUvarint(append(b, 6<<3), n.ZeroCount)
		b = appendSpans(b, 8, n.NegativeSpans)
		b = appendDeltas(b, 9, n.NegativeBuckets)
		b = appendSpans(b, 11, n.PositiveSpans)
		b = appendDeltas(b, 12, n.PositiveBuckets)
	}
	b = binary.AppendUvarint(append(b, 15<<3), uint64(h.T))
	b = binary.AppendUvarint(b, 17<<3)
	return binary.AppendUvarint(b, uint64(h.Start))
}

// appendShape appends what histograms of both kinds have.
func appendShape(b []byte, sum float64, schema int32, threshold float64, bounds []float64) []byte {
	b = appendDouble(b, 3, sum)
	b = binary.AppendUvarint(append(b, 4<<3), zigzag(int64(schema)))
	b = appendDouble(b, 5, threshold)
	return appendDoubles(b, 16, bounds)
}

func appendSpans(b []byte, field int, spans []histogram.Span) []byte {
	for _, s := range spans {
		msg := binary.AppendUvarint([]byte{1 << 3}, zigzag(int64(s.Offset)))
		msg = binary.AppendUvarint(append(msg, 2<<3), uint64(s.Length))
		b = appendBytes(b, field, msg)
	}
	return b
}

func appendDeltas(b []byte, field int, deltas []int64) []byte {
	var packed []byte
	for _, d := range deltas {
		packed = binary.AppendUvarint(packed, zigzag(d))
	}
	return appendBytes(b, field, packed)
}

func appendDoubles(b []byte, field int, all []float64) []byte {
	var packed []byte
	for _, v := range all {
		packed = binary.LittleEndian.AppendUint64(packed, math.Float64bits(v))
	}
	return appendBytes(b, field, packed)
}

func appendDouble(b []byte, field int, v float64) []byte {
	b = binary.AppendUvarint(b, uint64(field)<<3|1)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// appendBytes appends a field of bytes, nothing when there are none.
func appendBytes(b []byte, field int, msg []byte) []byte {
	if len(msg) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(field)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(msg)))
	return append(b, msg...)
}

func zigzag(n int64) uint64 { return uint64(n<<1) ^ uint64(n>>63) }
