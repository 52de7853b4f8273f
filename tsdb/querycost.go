package tsdb

import (
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"invoq"
)

// maxSubqueryPoints bounds the steps of one subquery. The engine walks over
// them, in one loop that no timeout interrupts, before it counts a sample.
const maxSubqueryPoints = 1_000_000

// checkCost refuses an expression whose subqueries have too many steps, which
// the engine's own limits let through. Span is the time that the expression is
// evaluated over, 0 for an instant.
func (q *Queries) checkCost(expr string, span time.Duration) error {
	e, err := q.parser.ParseExpr(expr)
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "%v", err)
	}
	return checkSubqueries(e, span)
}

// checkSubqueries refuses subqueries that would evaluate more steps than a query
// may have.
func checkSubqueries(n parser.Node, span time.Duration) error {
	if s, ok := n.(*parser.SubqueryExpr); ok {
		step := s.Step
		if step <= 0 {
			step = defaultSubqueryStep
		}
		// What lies inside is evaluated over all that the subquery looks at.
		span += s.Range
		if span < 0 || span/step > maxSubqueryPoints {
			return invoq.Errorf(invoq.KindUnprocessable,
				"subquery %q has more than %d points: take a longer step or a shorter range", s, maxSubqueryPoints)
		}
	}
	for child := range parser.ChildrenIter(n) {
		if err := checkSubqueries(child, span); err != nil {
			return err
		}
	}
	return nil
}
