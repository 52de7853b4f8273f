package exact

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// lookback is how far before the interval the first read reaches to find each
// series' last sample. Most series have one there; the rest are looked for as
// far back as samples are kept, so that no shorter gap makes a series look new.
const lookback = int64(5 * 60 * 1000) // milliseconds

// Samples are the raw samples: the embedded TSDB, or anything that reads like it.
type Samples interface {
	// Querier reads [mint, maxt], milliseconds, both inclusive.
	Querier(mint, maxt int64) (storage.Querier, error)
	// MinTime is the time of the oldest sample, and whether there is one.
	MinTime() (int64, bool)
}

// reader reads the series of one computation.
type reader struct {
	samples  Samples
	tenants  []*labels.Matcher // which tenants; empty for all
	from, to int64             // the interval (from, to], milliseconds
	oldest   int64             // no sample is older
	near     storage.Querier   // [from−lookback, to]
	deep     storage.Querier   // [oldest, from−lookback)
}

// openReader opens the samples of an interval with enough before it to resume
// every counter.
func openReader(s Samples, from, to int64, tenants []*labels.Matcher) (*reader, error) {
	r := &reader{samples: s, tenants: tenants, from: from, to: to, oldest: math.MaxInt64}
	var err error
	if r.near, err = s.Querier(from-lookback, to); err != nil {
		return nil, fmt.Errorf("open querier: %w", err)
	}
	if t, ok := s.MinTime(); ok {
		r.oldest = t
	}
	if r.oldest >= from-lookback {
		return r, nil // Nothing lies deeper.
	}
	if r.deep, err = s.Querier(r.oldest, from-lookback-1); err != nil {
		return nil, fmt.Errorf("open querier: %w", err)
	}
	return r, nil
}

// close gives the blocks back; a block is not deleted while it is read.
func (r *reader) close() error {
	err := r.near.Close()
	if r.deep == nil {
		return err
	}
	if e := r.deep.Close(); e != nil {
		return e
	}
	return err
}

// metrics returns the names of all metrics there are. They are asked for over
// all time: over a range in which every sample came late the TSDB names none.
func (r *reader) metrics(ctx context.Context) ([]string, error) {
	q, err := r.samples.Querier(r.oldest, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("open querier: %w", err)
	}
	defer q.Close()
	names, _, err := q.LabelValues(ctx, model.MetricNameLabel, nil)
	if err != nil {
		return nil, fmt.Errorf("list metrics: %w", err)
	}
	for i, n := range names {
		names[i] = strings.Clone(n) // They may point into a mapped file.
	}
	return names, nil
}

// series calls visit for each series of the metric that has samples near the
// interval. The labels and the iterator are valid only during the call.
func (r *reader) series(
	ctx context.Context, metric string, visit func(labels.Labels, chunkenc.Iterator) error,
) error {
	name := labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, metric)
	set := r.near.Select(ctx, false, nil, append([]*labels.Matcher{name}, r.tenants...)...)
	var it chunkenc.Iterator
	for set.Next() {
		s := set.At()
		it = s.Iterator(it)
		if err := visit(s.Labels(), it); err != nil {
			return err
		}
		if err := it.Err(); err != nil {
			return fmt.Errorf("read series %s: %w", s.Labels(), err)
		}
	}
	if err := set.Err(); err != nil {
		return fmt.Errorf("read metric %q: %w", metric, err)
	}
	return nil
}

// before returns the last sample of a series before the first read's reach,
// and false when the TSDB holds none.
func (r *reader) before(ctx context.Context, ls labels.Labels, native string) (sample, bool, error) {
	if r.deep == nil {
		return sample{}, false, nil
	}
	ms := make([]*labels.Matcher, 0, ls.Len())
	ls.Range(func(l labels.Label) {
		ms = append(ms, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	set := r.deep.Select(ctx, false, nil, ms...)
	var last sample
	found := false
	for set.Next() {
		// Matchers also find series with more labels than these.
		if !labels.Equal(set.At().Labels(), ls) {
			continue
		}
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if s, ok := sampleAt(it, kind, native); ok && !value.IsStaleNaN(s.v) {
				last, found = s, true
			}
		}
		if err := it.Err(); err != nil {
			return sample{}, false, fmt.Errorf("read series %s: %w", ls, err)
		}
	}
	return last, found, set.Err()
}

// sampleAt returns what the iterator stands at: a number, or what native names
// of a native histogram. It returns false for the one where the other is asked.
func sampleAt(it chunkenc.Iterator, kind chunkenc.ValueType, native string) (sample, bool) {
	start := it.AtST()
	s := sample{start: start, told: start != 0}
	if native == "" {
		if kind != chunkenc.ValFloat {
			return s, false
		}
		s.t, s.v = it.At()
		return s, true
	}
	if kind == chunkenc.ValFloat {
		// A series that has ended may be marked so by a number.
		s.t, s.v = it.At()
		return s, value.IsStaleNaN(s.v)
	}
	s.t, s.native = it.AtFloatHistogram(nil)
	if s.v = s.native.Count; native == nativeSum || value.IsStaleNaN(s.native.Sum) {
		s.v = s.native.Sum
	}
	return s, true
}
