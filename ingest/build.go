package ingest

import (
	"encoding/binary"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"invoq"
)

// Value is one value of a series with what goes with it.
type Value struct {
	// T, Start and V are as in Sample; a histogram is in Int or Float instead.
	T, Start int64
	V        float64
	Int      *histogram.Histogram
	Float    *histogram.FloatHistogram
	// Exemplars belong to the value.
	Exemplars []exemplar.Exemplar
	// Described says what the series measures; Family is not used.
	Described Metadata
}

// Builder fills a batch from series that are read already. The zero value is
// not useful: Receiver.Take makes one.
type Builder struct {
	batch *Batch
	lim   Limits
}

// Add adds a value of a series. An error is of KindTooLarge and says that the
// request has more than a limit allows.
func (b Builder) Add(ls labels.Labels, v Value) error {
	out := b.batch
	switch {
	case len(out.Series) == b.lim.Samples:
		return invoq.Errorf(invoq.KindTooLarge,
			"request has more than %d samples: send smaller batches", b.lim.Samples)
	case out.spelledBytes > b.lim.DecodedBytes:
		return invoq.Errorf(invoq.KindTooLarge,
			"the labels of a request take more than %d bytes: send smaller batches", b.lim.DecodedBytes)
	case ls.Len() > b.lim.Labels:
		out.Skipped.Add(TooManyLabels, 1, func() string { return ls.Get(model.MetricNameLabel) })
		return nil
	}
	s := out.begin()
	s.Labels = out.spell(ls)
	if v.Int != nil || v.Float != nil {
		out.Histograms = append(out.Histograms, Histogram{T: v.T, Start: v.Start, Int: v.Int, Float: v.Float})
	} else {
		out.Samples = append(out.Samples, Sample{T: v.T, V: v.V, Start: v.Start})
	}
	for _, e := range v.Exemplars {
		if len(out.Exemplars) < b.lim.Exemplars {
			out.Exemplars = append(out.Exemplars, Exemplar{Labels: out.spell(e.Labels), T: e.Ts, V: e.Value})
		}
	}
	if n := len(out.Descriptions); n == 0 || out.Descriptions[n-1] != v.Described {
		out.Descriptions = append(out.Descriptions, v.Described)
	}
	s.Described = int32(len(out.Descriptions))
	out.end(s)
	return nil
}

// Refuse counts n values that were read and cannot be added. Example, called at
// most once a reason, describes one of them.
func (b Builder) Refuse(why Reason, n int, example func() string) {
	b.batch.Skipped.Add(why, n, example)
}

// spell writes labels as the fields that 1.0 has on the wire.
func (b *Batch) spell(ls labels.Labels) []byte {
	need := 0
	ls.Range(func(l labels.Label) {
		need += 1 + binary.MaxVarintLen32 + textSize(l.Name) + textSize(l.Value)
	})
	out := b.room(need)
	ls.Range(func(l labels.Label) {
		out = append(out, 1<<3|wireBytes)
		out = binary.AppendUvarint(out, uint64(textSize(l.Name)+textSize(l.Value)))
		out = appendText(out, 1, l.Name)
		out = appendText(out, 2, l.Value)
	})
	return b.spelt(out)
}

// room returns an empty slice with room for need bytes of spelled labels. What
// is full stays where it is, with the series that point into it.
func (b *Batch) room(need int) []byte {
	if cap(b.spelled)-len(b.spelled) < need {
		b.spelled = make([]byte, 0, max(2*cap(b.spelled), need, spellingBytes))
	}
	return b.spelled[len(b.spelled):len(b.spelled):cap(b.spelled)]
}

// spelt keeps what was appended to a slice that room returned.
func (b *Batch) spelt(out []byte) []byte {
	b.spelled = b.spelled[:len(b.spelled)+len(out)]
	b.spelledBytes += len(out)
	return slices.Clip(out)
}

// textSize returns how many bytes the text takes as a field; an empty one is
// left out.
func textSize(s string) int {
	if s == "" {
		return 0
	}
	n := 1 // the tag
	for size := len(s); ; size >>= 7 {
		if n++; size < 0x80 {
			return n + len(s)
		}
	}
}

// appendText appends a string field.
func appendText(b []byte, field byte, s string) []byte {
	if s == "" {
		return b
	}
	return append(binary.AppendUvarint(append(b, field<<3|wireBytes), uint64(len(s))), s...)
}
