package tsdb

import (
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"invoq"
)

// maxSubqueryPoints bounds the steps of one subquery, and maxSubqueryWalk how
// many of its points all evaluations together walk over. The engine does so in
// loops that no timeout interrupts, before it counts a sample.
const (
	maxSubqueryPoints = 1_000_000
	maxSubqueryWalk   = 100_000_000
)

// checkCost refuses an expression whose subqueries have too many steps, which
// the engine's own limits let through. Span is the time that the expression is
// evaluated over, 0 for an instant, and step the time between two evaluations.
func (q *Queries) checkCost(expr string, span, step time.Duration) error {
	e, err := q.parser.ParseExpr(expr)
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "%v", err)
	}
	evaluations := 1.0
	if step > 0 {
		evaluations += float64(span / step)
	}
	return checkSubqueries(e, span, evaluations)
}

// checkSubqueries refuses subqueries that would look at more points than a query
// may. A subquery is evaluated once over all that is asked of it, and each
// evaluation of what stands around it walks over the points of its range: around
// another subquery, that is once for each of the other's points.
func checkSubqueries(n parser.Node, span time.Duration, evaluations float64) error {
	if s, ok := n.(*parser.SubqueryExpr); ok {
		step := s.Step
		if step <= 0 {
			step = defaultSubqueryStep
		}
		points := float64(s.Range/step) + 1
		// What lies inside is evaluated over all that the subquery looks at.
		span += s.Range
		if span < 0 || float64(span/step) > maxSubqueryPoints || points*evaluations > maxSubqueryWalk {
			return invoq.Errorf(invoq.KindUnprocessable,
				"subquery %q looks at too many points, %d at most: take a longer step or a shorter range",
				s, maxSubqueryPoints)
		}
		evaluations = float64(span/step) + 1
	}
	for child := range parser.ChildrenIter(n) {
		if err := checkSubqueries(child, span, evaluations); err != nil {
			return err
		}
	}
	return nil
}
