package tsdb

import (
	"context"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"invoq"
)

// Read waits for the tenant's turn, as queries do, and calls use within the
// time that a query may take.
func (q *Queries) Read(ctx context.Context, tenant invoq.TenantName, use func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, q.limits.Timeout)
	defer cancel()
	done, err := q.turn(ctx, tenant)
	if err != nil {
		return err
	}
	defer done()
	return use(ctx)
}

// Parse reads an expression; one that is too long to be read is KindTooLarge.
func (q *Queries) Parse(expr string) (parser.Expr, error) {
	if len(expr) > q.limits.Bytes {
		return nil, invoq.Errorf(invoq.KindTooLarge, "query has %d bytes, at most %d are read",
			len(expr), q.limits.Bytes)
	}
	e, err := q.parser.ParseExpr(expr)
	if err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "%v", err)
	}
	return e, nil
}

// Format returns an expression in its canonical layout. One that nests too deep
// for that is KindUnprocessable.
func (q *Queries) Format(expr string) (string, error) {
	e, err := q.Parse(expr)
	if err != nil {
		return "", err
	}
	if depthOf(e) > maxLayoutDepth {
		return "", invoq.Errorf(invoq.KindUnprocessable,
			"query nests more than %d deep, which is too deep to be laid out", maxLayoutDepth)
	}
	return e.Pretty(0), nil
}

// maxLayoutDepth bounds how deep an expression nests that is laid out: each
// level writes all that is below it, level by level, several times.
const maxLayoutDepth = 64

// depthOf returns how many levels an expression has.
func depthOf(n parser.Node) int {
	deepest := 0
	for child := range parser.ChildrenIter(n) {
		deepest = max(deepest, depthOf(child))
	}
	return deepest + 1
}

// Exemplars returns the exemplars of [start, end], milliseconds, of the series
// that an expression selects. An empty tenant sees everything.
func (q *Queries) Exemplars(
	ctx context.Context, tenant invoq.TenantName, expr string, start, end int64,
) ([]exemplar.QueryResult, error) {
	var found []exemplar.QueryResult
	err := q.Read(ctx, tenant, func(ctx context.Context) error {
		e, err := q.Parse(expr)
		if err != nil {
			return err
		}
		selectors := parser.ExtractSelectors(e)
		if len(selectors) == 0 {
			return nil
		}
		found, err = q.store.ScopedExemplars(tenant).Select(start, end, selectors...)
		return err
	})
	return found, err
}

// Chunks returns the tenant's view of the stored chunks; an empty tenant sees
// everything.
func (q *Queries) Chunks(tenant invoq.TenantName) storage.ChunkQueryable {
	var view storage.ChunkQueryable = whole{q.store}
	if tenant != "" {
		view = scopedChunks{whole{q.store}, onlyTenant(tenant)}
	}
	if q.derived == nil {
		return view
	}
	return withDerivedChunks{view, q.derived, tenant}
}

// scopedChunks hands out queriers that see one scope alone.
type scopedChunks struct {
	storage.ChunkQueryable
	only *labels.Matcher
}

// ChunkQuerier returns a querier that sees the tenant's series alone.
func (q scopedChunks) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	inner, err := q.ChunkQueryable.ChunkQuerier(mint, maxt)
	if err != nil {
		return nil, err
	}
	return scopedChunkQuerier{inner, q.only}, nil
}

// scopedChunkQuerier adds the scope's matcher to everything that is asked.
type scopedChunkQuerier struct {
	storage.ChunkQuerier
	only *labels.Matcher
}

// with returns the matchers and the scope's own, in a new slice.
func (q scopedChunkQuerier) with(ms []*labels.Matcher) []*labels.Matcher {
	return append(append(make([]*labels.Matcher, 0, len(ms)+1), ms...), q.only)
}

// Select returns the tenant's series among those that match.
func (q scopedChunkQuerier) Select(
	ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher,
) storage.ChunkSeriesSet {
	return q.ChunkQuerier.Select(ctx, sorted, hints, q.with(ms)...)
}

// LabelValues returns the values of a label on the tenant's series.
func (q scopedChunkQuerier) LabelValues(
	ctx context.Context, name string, hints *storage.LabelHints, ms ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return q.ChunkQuerier.LabelValues(ctx, name, hints, q.with(ms)...)
}

// LabelNames returns the names of labels on the tenant's series.
func (q scopedChunkQuerier) LabelNames(
	ctx context.Context, hints *storage.LabelHints, ms ...*labels.Matcher,
) ([]string, annotations.Annotations, error) {
	return q.ChunkQuerier.LabelNames(ctx, hints, q.with(ms)...)
}
