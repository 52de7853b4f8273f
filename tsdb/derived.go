package tsdb

import (
	"context"
	"maps"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"invoq"
	"invoq/ingest"
)

// Derived are series that are computed when they are asked for, from what is
// stored elsewhere: they are always what that says, also after corrections. Their
// names begin with ingest.ReservedPrefix, so that no sender's series is among
// them.
type Derived interface {
	// Families describes the metrics, by name.
	Families() map[string]ingest.Metadata
	// Labels are the names of the labels that the series have.
	Labels() []string
	// Series returns the series of a tenant, or of everybody's where it is empty,
	// that match and may have samples in the range, in any order.
	Series(ctx context.Context, tenant invoq.TenantName, r TimeRange, ms []*labels.Matcher) ([]labels.Labels, error)
	// Samples returns them with their samples, by time.
	Samples(ctx context.Context, tenant invoq.TenantName, r TimeRange, ms []*labels.Matcher) ([]DerivedSeries, error)
}

// TimeRange is [Min, Max] in milliseconds since 1970, both inclusive.
type TimeRange struct{ Min, Max int64 }

// DerivedSeries is a series with its samples, by time.
type DerivedSeries struct {
	Labels  labels.Labels
	Samples []chunks.Sample
}

// FloatSample is a sample of a derived series, at t in milliseconds.
func FloatSample(t int64, v float64) chunks.Sample { return floatSample{t, v} }

type floatSample struct {
	t int64
	v float64
}

// The methods of chunks.Sample.
func (s floatSample) T() int64                      { return s.t }
func (s floatSample) ST() int64                     { return 0 }
func (s floatSample) F() float64                    { return s.v }
func (s floatSample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s floatSample) H() *histogram.Histogram       { return nil }
func (s floatSample) FH() *histogram.FloatHistogram { return nil }
func (s floatSample) Copy() chunks.Sample           { return s }

// withDerived adds the derived series of one scope to a queryable.
type withDerived struct {
	storage.Queryable
	derived Derived
	tenant  invoq.TenantName
}

// Querier returns a querier that has both.
func (q withDerived) Querier(mint, maxt int64) (storage.Querier, error) {
	inner, err := q.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return derivedQuerier{inner, q.derived, q.tenant, TimeRange{mint, maxt}}, nil
}

// derivedQuerier asks both where both may answer.
type derivedQuerier struct {
	storage.Querier
	derived Derived
	tenant  invoq.TenantName
	span    TimeRange
}

// Select returns the series of both that match.
func (q derivedQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher,
) storage.SeriesSet {
	if !mayMatch(q.derived, ms) {
		return q.Querier.Select(ctx, sorted, hints, ms...)
	}
	span := q.span
	if hints != nil {
		span = TimeRange{hints.Start, hints.End}
	}
	stored := q.Querier.Select(ctx, true, hints, ms...)
	if hints != nil && hints.Func == SeriesOnly {
		return storage.NewMergeSeriesSet([]storage.SeriesSet{stored, listDerived(ctx, q.derived, q.tenant, span, ms)},
			0, storage.ChainedSeriesMerge)
	}
	return storage.NewMergeSeriesSet([]storage.SeriesSet{stored, selectDerived(ctx, q.derived, q.tenant, span, ms)},
		0, storage.ChainedSeriesMerge)
}

// SeriesOnly in storage.SelectHints.Func says that no samples will be looked at.
const SeriesOnly = "series"

// listDerived returns the derived series that match without samples, sorted.
func listDerived(
	ctx context.Context, d Derived, tenant invoq.TenantName, span TimeRange, ms []*labels.Matcher,
) storage.SeriesSet {
	found, err := d.Series(ctx, tenant, span, ms)
	if err != nil {
		return storage.ErrSeriesSet(untold(err))
	}
	slices.SortFunc(found, labels.Compare)
	all := make([]DerivedSeries, len(found))
	for i, ls := range found {
		all[i].Labels = ls
	}
	return &derivedSet{all: all, at: -1}
}

// selectDerived returns the derived series that match, sorted.
func selectDerived(
	ctx context.Context, d Derived, tenant invoq.TenantName, span TimeRange, ms []*labels.Matcher,
) storage.SeriesSet {
	all, err := d.Samples(ctx, tenant, span, ms)
	if err != nil {
		return storage.ErrSeriesSet(untold(err))
	}
	slices.SortFunc(all, func(x, y DerivedSeries) int { return labels.Compare(x.Labels, y.Labels) })
	return &derivedSet{all: all, at: -1}
}

// untold says that a failure to read derived series is ours, and nothing of it
// for the asker: it may name the database and what was asked of that.
func untold(err error) error {
	if invoq.KindOf(err) != invoq.KindInternal {
		return err
	}
	return invoq.Errorf(invoq.KindInternal, "usage and cost could not be read").WithCause(err)
}

// derivedSet is the series of an answer, one after the other.
type derivedSet struct {
	all []DerivedSeries
	at  int
}

// The methods of storage.SeriesSet.
func (s *derivedSet) Next() bool                        { s.at++; return s.at < len(s.all) }
func (s *derivedSet) Err() error                        { return nil }
func (s *derivedSet) Warnings() annotations.Annotations { return nil }
func (s *derivedSet) At() storage.Series {
	return storage.NewListSeries(s.all[s.at].Labels, s.all[s.at].Samples)
}

// LabelValues returns the values of a label on the series of both.
func (q derivedQuerier) LabelValues(
	ctx context.Context, name string, hints *storage.LabelHints, ms ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	stored, warnings, err := q.Querier.LabelValues(ctx, name, hints, ms...)
	if err != nil || !mayMatch(q.derived, ms) {
		return stored, warnings, err
	}
	series, err := q.derived.Series(ctx, q.tenant, q.span, ms)
	values := map[string]bool{}
	for _, ls := range series {
		if v := ls.Get(name); v != "" {
			values[v] = true
		}
	}
	return union(stored, values), warnings, err
}

// LabelNames returns the names of labels on the series of both.
func (q derivedQuerier) LabelNames(
	ctx context.Context, hints *storage.LabelHints, ms ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	stored, warnings, err := q.Querier.LabelNames(ctx, hints, ms...)
	if err != nil || !mayMatch(q.derived, ms) {
		return stored, warnings, err
	}
	series, err := q.derived.Series(ctx, q.tenant, q.span, ms)
	names := map[string]bool{}
	for _, ls := range series {
		ls.Range(func(l labels.Label) { names[l.Name] = true })
	}
	return union(stored, names), warnings, err
}

// union returns the strings of both, sorted, each once.
func union(a []string, b map[string]bool) []string {
	all := slices.AppendSeq(slices.Clone(a), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}

// mayMatch reports whether a derived series could match: most queries are about
// stored series, and ask nobody else.
func mayMatch(d Derived, ms []*labels.Matcher) bool {
	for _, m := range ms {
		switch {
		case m.Name == model.MetricNameLabel:
			matches := func(name string) bool { return m.Matches(name) }
			if !slices.ContainsFunc(slices.Collect(maps.Keys(d.Families())), matches) {
				return false
			}
		case !slices.Contains(d.Labels(), m.Name) && !m.Matches(""):
			return false
		}
	}
	return true
}

// withDerivedChunks adds the derived series to a queryable of chunks.
type withDerivedChunks struct {
	storage.ChunkQueryable
	derived Derived
	tenant  invoq.TenantName
}

// ChunkQuerier returns a querier that has both.
func (q withDerivedChunks) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	inner, err := q.ChunkQueryable.ChunkQuerier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return derivedChunkQuerier{inner, q, TimeRange{mint, maxt}}, nil
}

// derivedChunkQuerier asks both where both may answer. Only Select is asked.
type derivedChunkQuerier struct {
	storage.ChunkQuerier
	from withDerivedChunks
	span TimeRange
}

// Select returns the series of both that match.
func (q derivedChunkQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher,
) storage.ChunkSeriesSet {
	if !mayMatch(q.from.derived, ms) {
		return q.ChunkQuerier.Select(ctx, sorted, hints, ms...)
	}
	derived := selectDerived(ctx, q.from.derived, q.from.tenant, q.span, ms)
	return storage.NewMergeChunkSeriesSet(
		[]storage.ChunkSeriesSet{
			q.ChunkQuerier.Select(ctx, true, hints, ms...), storage.NewSeriesSetToChunkSet(derived),
		}, 0, storage.NewCompactingChunkSeriesMerger(storage.ChainedSeriesMerge))
}
