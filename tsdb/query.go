package tsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"invoq"
	"invoq/ingest"
)

// QueryLimits bound what one query may cost. Start from DefaultQueryLimits.
type QueryLimits struct {
	// Bytes bounds the expression: parsing is not bounded by Timeout.
	Bytes int
	// Samples bounds how many samples a query may hold in memory.
	Samples int
	// Points bounds the steps of a range query.
	Points int
	// Timeout bounds a query, its wait for a turn included.
	Timeout time.Duration
	// Concurrent and PerTenant bound how many queries run at a time.
	Concurrent, PerTenant int
	// Lookback is how old a sample may be and still be a series' value.
	Lookback time.Duration
}

// DefaultQueryLimits suit a dashboard with many panels on two cores.
func DefaultQueryLimits() QueryLimits {
	return QueryLimits{
		Bytes: 8 << 10, Samples: 5_000_000, Points: 11_000, Timeout: 10 * time.Second,
		Concurrent: 4, PerTenant: 2, Lookback: 5 * time.Minute,
	}
}

// defaultSubqueryStep is the step of a subquery that names none.
const defaultSubqueryStep = time.Minute

// Queries runs PromQL over the store, each query within its tenant and limits.
// It is safe for concurrent use.
type Queries struct {
	store  *Store
	limits QueryLimits
	parser parser.Parser
	engine *promql.Engine
	turns  chan struct{}
	// derived are series beside the stored ones; nil for none.
	derived Derived

	mu       sync.Mutex
	byTenant map[invoq.TenantName]chan struct{}
}

// NewQueries returns an engine over the store and the derived series, if there
// are any, that registers its metrics with the store's.
func NewQueries(store *Store, derived Derived, limits QueryLimits, log *slog.Logger) *Queries {
	p := parser.NewParser(parser.Options{})
	return &Queries{
		store: store, derived: derived,
		limits: limits,
		parser: p,
		engine: promql.NewEngine(promql.EngineOpts{
			Logger:               log.With("part", "promql"),
			Reg:                  store.registry,
			MaxSamples:           limits.Samples,
			Timeout:              limits.Timeout,
			LookbackDelta:        limits.Lookback,
			EnableAtModifier:     true,
			EnableNegativeOffset: true,
			// A subquery without a step gets one that keeps its points bounded.
			NoStepSubqueryIntervalFn: func(int64) int64 { return defaultSubqueryStep.Milliseconds() },
			Parser:                   p,
		}),
		turns:    make(chan struct{}, limits.Concurrent),
		byTenant: map[invoq.TenantName]chan struct{}{},
	}
}

// Limits returns the limits of a query.
func (q *Queries) Limits() QueryLimits { return q.limits }

// Range is the time of a range query; Step is at least a millisecond.
type Range struct {
	Start, End time.Time
	Step       time.Duration
}

// Instant evaluates an expression at one time and hands the result to use,
// which must not keep any of it. An empty tenant sees everything. Errors are of
// KindInvalid for what does not parse, KindTooLarge for what is too long,
// KindUnprocessable for what costs too much and KindUnavailable when there is
// no turn in time.
func (q *Queries) Instant(
	ctx context.Context, tenant invoq.TenantName, expr string, at time.Time, use func(*promql.Result) error,
) error {
	return q.run(ctx, question{tenant, expr, 0, 0}, use,
		func(ctx context.Context, view storage.Queryable) (promql.Query, error) {
			return q.engine.NewInstantQuery(ctx, view, nil, expr, at)
		})
}

// Range evaluates an expression at every step of a range; see Instant.
func (q *Queries) Range(
	ctx context.Context, tenant invoq.TenantName, expr string, r Range, use func(*promql.Result) error,
) error {
	if r.Step < time.Millisecond {
		return invoq.Errorf(invoq.KindInvalid, "step must be at least a millisecond")
	}
	if r.End.Before(r.Start) {
		return invoq.Errorf(invoq.KindInvalid, "end is before start")
	}
	// The engine counts in milliseconds, and a difference of times ends at 292 years.
	points := (r.End.UnixMilli() - r.Start.UnixMilli()) / r.Step.Milliseconds()
	if points >= int64(q.limits.Points) {
		return invoq.Errorf(
			invoq.KindInvalid,
			"%d points a series are more than %d: take a longer step",
			points+1,
			q.limits.Points,
		)
	}
	return q.run(ctx, question{tenant, expr, r.End.Sub(r.Start), r.Step}, use,
		func(ctx context.Context, view storage.Queryable) (promql.Query, error) {
			return q.engine.NewRangeQuery(ctx, view, nil, expr, r.Start, r.End, r.Step)
		})
}

// question is what is asked of whose series, and over how much time.
type question struct {
	tenant invoq.TenantName
	expr   string
	// span is the time from the first evaluation to the last, step that between
	// two.
	span, step time.Duration
}

// run takes its turn, checks what the question would cost, and answers it.
func (q *Queries) run(
	ctx context.Context, ask question, use func(*promql.Result) error,
	prepare func(context.Context, storage.Queryable) (promql.Query, error),
) error {
	if len(ask.expr) > q.limits.Bytes {
		return invoq.Errorf(invoq.KindTooLarge, "query has %d bytes, at most %d are read",
			len(ask.expr), q.limits.Bytes)
	}
	ctx, cancel := context.WithTimeout(ctx, q.limits.Timeout)
	defer cancel()
	done, err := q.turn(ctx, ask.tenant)
	if err != nil {
		return err
	}
	defer done()
	if err := q.checkCost(ask.expr, ask.span, ask.step); err != nil {
		return err
	}
	query, err := prepare(ctx, q.View(ask.tenant))
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "%v", err)
	}
	defer query.Close()
	res := query.Exec(ctx)
	if res.Err != nil {
		return queryError(res.Err)
	}
	return use(res)
}

// View returns what the tenant may see; an empty tenant sees everything.
func (q *Queries) View(tenant invoq.TenantName) storage.Queryable {
	view := q.store.Everything()
	if tenant != "" {
		view = q.store.Scoped(tenant)
	}
	if q.derived == nil {
		return view
	}
	return withDerived{view, q.derived, tenant}
}

// Families returns what is known about the metrics that the tenant may see, by
// name. The caller owns the map.
func (q *Queries) Families(tenant invoq.TenantName) map[string]ingest.Metadata {
	all := q.store.Metadata(tenant)
	if q.derived != nil {
		maps.Copy(all, q.derived.Families())
	}
	return all
}

// maxSelectors bounds the selectors of one request: each looks through the index.
const maxSelectors = 64

// Selectors parses series selectors such as up{job="x"}; more or longer ones than
// are read are KindTooLarge.
func (q *Queries) Selectors(exprs []string) ([][]*labels.Matcher, error) {
	if len(exprs) > maxSelectors {
		return nil, invoq.Errorf(invoq.KindTooLarge, "request has %d selectors, at most %d are read",
			len(exprs), maxSelectors)
	}
	for _, e := range exprs {
		if len(e) > q.limits.Bytes {
			return nil, invoq.Errorf(
				invoq.KindTooLarge,
				"selector has %d bytes, at most %d are read",
				len(e),
				q.limits.Bytes,
			)
		}
	}
	all, err := q.parser.ParseMetricSelectors(exprs)
	if err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "%v", err)
	}
	return all, nil
}

// turn waits for the query's turn: first among its tenant's, so that one
// tenant's queue keeps nobody else waiting.
func (q *Queries) turn(ctx context.Context, tenant invoq.TenantName) (func(), error) {
	q.mu.Lock()
	own := q.byTenant[tenant]
	if own == nil {
		own = make(chan struct{}, q.limits.PerTenant)
		q.byTenant[tenant] = own
	}
	q.mu.Unlock()
	for i, queue := range []chan struct{}{own, q.turns} {
		select {
		case queue <- struct{}{}:
		case <-ctx.Done():
			if i == 1 {
				<-own
			}
			e := invoq.Errorf(invoq.KindUnavailable, "too many queries are running; try again")
			e.RetryAfter = time.Second
			return nil, e.WithCause(ctx.Err())
		}
	}
	return func() { <-q.turns; <-own }, nil
}

// queryError sorts the engine's errors by whose fault they are.
func queryError(err error) error {
	var (
		timeout  promql.ErrQueryTimeout
		canceled promql.ErrQueryCanceled
		samples  promql.ErrTooManySamples
		store    promql.ErrStorage
		own      *invoq.Error
		fault    runtime.Error
	)
	switch {
	case errors.As(err, &timeout), errors.As(err, &canceled),
		// The engine does not look at what ended while series were found.
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return invoq.Errorf(invoq.KindUnavailable, "the query took too long: ask for less").WithCause(err)
	case errors.As(err, &samples):
		return invoq.Errorf(invoq.KindUnprocessable, "the query reads too many samples: ask for less")
	case errors.As(err, &store):
		return fmt.Errorf("query storage: %w", err)
	case errors.As(err, &fault): // The engine recovers from its own.
		return fmt.Errorf("evaluate query: %w", err)
	case errors.As(err, &own):
		// What was read knows whose fault it is, and what of it may be told.
		return fmt.Errorf("query: %w", err)
	}
	return invoq.Errorf(invoq.KindUnprocessable, "%v", err)
}
