package otlp

import (
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"invoq"
	"invoq/ingest"
)

// collector takes what the translation appends and makes a batch of it. It is a
// storage.AppenderV2 whose Commit keeps nothing: the batch is written later.
type collector struct {
	builder ingest.Builder
	// err is why nothing more is taken.
	err error
}

// Append adds one value of a series to the batch.
func (c *collector) Append(
	_ storage.SeriesRef, ls labels.Labels, start, t int64, v float64,
	h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions,
) (storage.SeriesRef, error) {
	if c.err != nil {
		return 0, c.err
	}
	m := opts.Metadata
	c.err = c.builder.Add(ls, ingest.Value{
		T: t, Start: start, V: v, Int: h, Float: fh, Exemplars: opts.Exemplars,
		Described: ingest.Metadata{Type: string(m.Type), Help: m.Help, Unit: m.Unit},
	})
	if invoq.KindOf(c.err) == invoq.KindInternal {
		panic("BUG: " + c.err.Error())
	}
	return 0, c.err
}

// Commit does nothing; see collector.
func (*collector) Commit() error { return nil }

// Rollback does nothing; see collector.
func (*collector) Rollback() error { return nil }
