package api

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// promParseQuery answers with the tree of an expression, as Prometheus does:
// editors of queries draw it.
func (s *Server) promParseQuery(c *fiber.Ctx) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	e, err := s.Queries.Parse(f.Get("query"))
	if err != nil {
		return err
	}
	return promAnswer(c, treeOf(e))
}

// tree is a node of an expression. The names in it are those of Prometheus's
// endpoint parse_query.
type tree map[string]any

// treeOf returns the tree of an expression; nil of none.
func treeOf(e parser.Expr) any {
	switch n := e.(type) {
	case nil:
		return nil
	case *parser.AggregateExpr:
		return tree{
			"type": "aggregation", "op": n.Op.String(), "expr": treeOf(n.Expr), "param": treeOf(n.Param),
			"grouping": orNone(n.Grouping), "without": n.Without,
		}
	case *parser.BinaryExpr:
		return tree{
			"type": "binaryExpr", "op": n.Op.String(), "lhs": treeOf(n.LHS), "rhs": treeOf(n.RHS),
			"matching": matchingOf(n.VectorMatching), "bool": n.ReturnBool,
		}
	case *parser.Call:
		return callOf(n)
	case *parser.MatrixSelector:
		t := selectorOf("matrixSelector", n.VectorSelector.(*parser.VectorSelector))
		t["range"], t["rangeExpr"] = n.Range.Milliseconds(), durationOf(n.RangeExpr)
		return t
	case *parser.VectorSelector:
		return selectorOf("vectorSelector", n)
	case *parser.SubqueryExpr:
		return subqueryOf(n)
	case *parser.DurationExpr:
		return durationOf(n)
	case *parser.NumberLiteral:
		return tree{"type": "numberLiteral", "val": literal(n.Val)}
	case *parser.StringLiteral:
		return tree{"type": "stringLiteral", "val": n.Val}
	case *parser.ParenExpr:
		return tree{"type": "parenExpr", "expr": treeOf(n.Expr)}
	case *parser.UnaryExpr:
		return tree{"type": "unaryExpr", "op": n.Op.String(), "expr": treeOf(n.Expr)}
	}
	panic("BUG: an expression of a kind that the parser does not make")
}

// matchingOf says how the sides of an operator are matched; nil for numbers.
func matchingOf(m *parser.VectorMatching) any {
	if m == nil {
		return nil
	}
	return tree{
		"card": m.Card.String(), "labels": orNone(m.MatchingLabels), "on": m.On, "include": orNone(m.Include),
		"fillValues": tree{"lhs": m.FillValues.LHS, "rhs": m.FillValues.RHS},
	}
}

// callOf returns the tree of a function's call.
func callOf(n *parser.Call) tree {
	args := []any{}
	for _, a := range n.Args {
		args = append(args, treeOf(a))
	}
	return tree{"type": "call", "args": args, "func": tree{
		"name": n.Func.Name, "argTypes": n.Func.ArgTypes, "variadic": n.Func.Variadic,
		"returnType": n.Func.ReturnType,
	}}
}

// selectorOf returns the tree of a selector.
func selectorOf(kind string, n *parser.VectorSelector) tree {
	return tree{
		"type": kind, "name": n.Name, "matchers": matchersTree(n.LabelMatchers),
		"offset": n.OriginalOffset.Milliseconds(), "offsetExpr": durationOf(n.OriginalOffsetExpr),
		"timestamp": n.Timestamp, "startOrEnd": startOrEnd(n.StartOrEnd),
		"anchored": n.Anchored, "smoothed": n.Smoothed,
	}
}

// subqueryOf returns the tree of a subquery.
func subqueryOf(n *parser.SubqueryExpr) tree {
	return tree{
		"type": "subquery", "expr": treeOf(n.Expr),
		"range": n.Range.Milliseconds(), "rangeExpr": durationOf(n.RangeExpr),
		"offset": n.OriginalOffset.Milliseconds(), "offsetExpr": durationOf(n.OriginalOffsetExpr),
		"step": n.Step.Milliseconds(), "stepExpr": durationOf(n.StepExpr),
		"timestamp": n.Timestamp, "startOrEnd": startOrEnd(n.StartOrEnd),
	}
}

// durationOf returns the tree of a duration that is computed; nil of one that is
// not.
func durationOf(e parser.Expr) any {
	switch n := e.(type) {
	case *parser.DurationExpr:
		if n == nil {
			return nil
		}
		return tree{
			"type": "durationExpr", "op": n.Op.String(), "wrapped": n.Wrapped,
			"lhs": durationOf(n.LHS), "rhs": durationOf(n.RHS),
		}
	case *parser.NumberLiteral:
		if n == nil {
			return nil
		}
		return tree{"type": "numberLiteral", "val": literal(n.Val), "duration": n.Duration}
	}
	return treeOf(e)
}

// matchersTree lists the matchers of a selector.
func matchersTree(all []*labels.Matcher) []tree {
	list := []tree{}
	for _, m := range all {
		list = append(list, tree{"name": m.Name, "value": m.Value, "type": m.Type.String()})
	}
	return list
}

// startOrEnd names what an @ modifier stands at; nil for a time or none.
func startOrEnd(i parser.ItemType) any {
	if i == 0 {
		return nil
	}
	return i.String()
}

// literal writes a literal.
func literal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// orNone is an empty list where there is none.
func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
