package tsdb

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"invoq"
	"invoq/ingest"
)

// Scoped returns a view of the store that holds the tenant's series alone. The
// matcher is added below the query engine, so nothing an expression can say
// (regular expressions, or, @, offset, info()) reaches another tenant.
func (s *Store) Scoped(tenant invoq.TenantName) storage.Queryable {
	return scopedQueryable{whole{s}, onlyTenant(tenant)}
}

// onlyTenant returns the matcher that every view of a tenant adds.
func onlyTenant(tenant invoq.TenantName) *labels.Matcher {
	if tenant == "" {
		panic("BUG: scoped to no tenant")
	}
	return labels.MustNewMatcher(labels.MatchEqual, ingest.TenantLabel, string(tenant))
}

// Everything returns a view of all tenants' series, for the owner.
func (s *Store) Everything() storage.Queryable { return whole{s} }

// scopedQueryable hands out queriers that see one scope alone.
type scopedQueryable struct {
	storage.Queryable
	only *labels.Matcher
}

// Querier returns a querier that sees the tenant's series alone.
func (q scopedQueryable) Querier(mint, maxt int64) (storage.Querier, error) {
	inner, err := q.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return scopedQuerier{inner, q.only}, nil
}

// scopedQuerier adds the scope's matcher to everything that is asked.
type scopedQuerier struct {
	storage.Querier
	only *labels.Matcher
}

// with returns the matchers and the scope's own, in a new slice: callers keep theirs.
func (q scopedQuerier) with(ms []*labels.Matcher) []*labels.Matcher {
	return append(append(make([]*labels.Matcher, 0, len(ms)+1), ms...), q.only)
}

// Select returns the tenant's series among those that match.
func (q scopedQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher,
) storage.SeriesSet {
	return q.Querier.Select(ctx, sorted, hints, q.with(ms)...)
}

// LabelValues returns the values of a label on the tenant's series.
func (q scopedQuerier) LabelValues(
	ctx context.Context, name string, hints *storage.LabelHints, ms ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return q.Querier.LabelValues(ctx, name, hints, q.with(ms)...)
}

// LabelNames returns the names of labels on the tenant's series.
func (q scopedQuerier) LabelNames(
	ctx context.Context, hints *storage.LabelHints, ms ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return q.Querier.LabelNames(ctx, hints, q.with(ms)...)
}
