package ingest

import (
	"context"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"invoq"
)

// Sample is one value of a series. It has no pointers, so a batch of them
// costs the garbage collector nothing.
type Sample struct {
	// T is the time of the sample in milliseconds since 1970.
	T int64
	// V is the value; a stale marker is the NaN that Prometheus defines.
	V float64
	// Start is when the counter began to count, in milliseconds since 1970;
	// 0 means that the sender does not tell.
	Start int64
}

// Histogram is one native histogram of a series: either Int or Float is set.
// It owns its memory, since the TSDB keeps it.
type Histogram struct {
	// T and Start are as in Sample.
	T, Start int64
	Int      *histogram.Histogram
	Float    *histogram.FloatHistogram
}

// Sum returns the sum of what was observed; of a stale marker it is the NaN
// that Prometheus defines.
func (h *Histogram) Sum() float64 {
	if h.Float != nil {
		return h.Float.Sum
	}
	return h.Int.Sum
}

// Exemplar is an example of what a series measures.
type Exemplar struct {
	// Labels are label fields as in Series, without a metric name.
	Labels []byte
	// T is in milliseconds since 1970.
	T int64
	V float64
}

// Series is a series of a batch and what belongs to it.
type Series struct {
	// Labels are the label pairs as protobuf fields of remote write 1.0: the
	// same sender writes the same series as the same bytes, so they serve as
	// the key of a cache. ParseLabels reads them. They are nil where labels came
	// as references and Batch.Spell was not called yet.
	Labels []byte
	// FirstLabel and EndLabel delimit what Batch.Numbers returns.
	FirstLabel, EndLabel int32
	// First and End delimit the series' samples in Batch.Samples.
	First, End int32
	// FirstHistogram and EndHistogram delimit those in Batch.Histograms.
	FirstHistogram, EndHistogram int32
	// FirstExemplar and EndExemplar delimit those in Batch.Exemplars.
	FirstExemplar, EndExemplar int32
	// Described is 1 + the index in Batch.Descriptions, 0 for none.
	Described int32
}

// Metadata describes a metric family.
type Metadata struct {
	Family, Type, Help, Unit string
}

// Batch is one decoded request. Label bytes and the strings of Descriptions
// point into the request's buffers.
type Batch struct {
	Series     []Series
	Samples    []Sample
	Histograms []Histogram
	Exemplars  []Exemplar
	// Metadata was sent for metric families, beside the series.
	Metadata []Metadata
	// Descriptions were sent with series; their Family is empty.
	Descriptions []Metadata
	// Skipped counts what was read but is not in the batch, by reason.
	Skipped Rejections

	// spelled holds labels that did not come as fields of 1.0, the newest of
	// them where there was no room for all; spelledBytes is what all take.
	spelled      []byte
	spelledBytes int
	symbols      []symbol
	refs         []uint32
	labels       numbering
	// elements counts the spans and buckets of all histograms.
	elements int
}

// reset empties the batch and keeps its memory, but none of the histograms.
func (b *Batch) reset() {
	clear(b.Histograms)
	b.Series = b.Series[:0]
	b.Samples = b.Samples[:0]
	b.Histograms = b.Histograms[:0]
	b.Exemplars = b.Exemplars[:0]
	b.Metadata = b.Metadata[:0]
	b.Descriptions = b.Descriptions[:0]
	b.Skipped = Rejections{}
	b.spelled, b.symbols, b.refs = b.spelled[:0], b.symbols[:0], b.refs[:0]
	b.labels.reset()
	b.elements, b.spelledBytes = 0, 0
}

// begin returns a series that begins where the batch ends.
func (b *Batch) begin() Series {
	return Series{
		FirstLabel:     int32(len(b.labels.numbers)),
		First:          int32(len(b.Samples)),
		FirstHistogram: int32(len(b.Histograms)),
		FirstExemplar:  int32(len(b.Exemplars)),
	}
}

// end appends the series, which owns all that was added since begin.
func (b *Batch) end(s Series) {
	s.EndLabel = int32(len(b.labels.numbers))
	s.End = int32(len(b.Samples))
	s.EndHistogram = int32(len(b.Histograms))
	s.EndExemplar = int32(len(b.Exemplars))
	b.Series = append(b.Series, s)
}

// drop forgets what was added since begin and counts it as skipped.
func (b *Batch) drop(s Series, why Reason, example func() string) {
	n := len(b.Samples) - int(s.First) + len(b.Histograms) - int(s.FirstHistogram) +
		len(b.Exemplars) - int(s.FirstExemplar)
	b.Skipped.Add(why, max(n, 1), example)
	b.labels.numbers = b.labels.numbers[:s.FirstLabel]
	b.Samples = b.Samples[:s.First]
	b.Histograms = b.Histograms[:s.FirstHistogram]
	b.Exemplars = b.Exemplars[:s.FirstExemplar]
}

// Scope says whose samples a request carries. It comes from the credential.
type Scope struct {
	// Tenant owns every series of the request, whatever labels they carry.
	// When empty, Resolve decides series by series.
	Tenant invoq.TenantName
	// Resolve names the tenant of a series by its labels. It must give the
	// same answer for the same labels for as long as the process lives.
	Resolve func(labels.Labels) invoq.TenantName
}

// Store keeps batches.
type Store interface {
	// Write stores what can be stored, reports the rest, and returns when
	// what it stored is durable. An error means that nothing may be taken
	// for stored and the whole batch may be sent again.
	Write(ctx context.Context, scope Scope, b *Batch) (Rejections, error)
}
