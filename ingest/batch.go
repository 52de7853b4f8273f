package ingest

import (
	"context"

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
}

// Series is a series of a batch and its samples.
type Series struct {
	// Labels are the label pairs as protobuf fields, just as they stood on
	// the wire: the same sender writes the same series as the same bytes, so
	// they serve as the key of a cache. ParseLabels reads them.
	Labels []byte
	// First and End delimit the series' samples in Batch.Samples.
	First, End int32
}

// Metadata describes a metric family.
type Metadata struct {
	Family, Type, Help, Unit string
}

// Batch is one decoded request. Label bytes point into the request's buffer.
type Batch struct {
	Series   []Series
	Samples  []Sample
	Metadata []Metadata
	// Skipped counts what was read but is not kept, by reason.
	Skipped Rejections
}

// reset empties the batch and keeps its memory.
func (b *Batch) reset() {
	b.Series = b.Series[:0]
	b.Samples = b.Samples[:0]
	b.Metadata = b.Metadata[:0]
	b.Skipped = Rejections{}
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
