package api

import (
	"context"

	"invoq"
	"invoq/access"
	"invoq/billing"
	"invoq/pricing"
)

// seesCosts reports whether the caller may know what usage cost the owner.
func seesCosts(ctx context.Context) bool { return identity(ctx).Role.May(access.ManageCosts) }

// seen returns lines as the caller may see them.
func seen(ctx context.Context, lines []invoq.BillLine) []invoq.BillLine {
	if seesCosts(ctx) {
		return lines
	}
	return convert(lines, veil)
}

// veil takes off a line what usage cost the owner, the steps that start from it,
// and by which model the cost catalogue charges.
func veil(l invoq.BillLine) invoq.BillLine {
	if billing.FromCatalogue(l) {
		l.Model, l.Steps = "", nil
	}
	if l.Model == invoq.RateMarkup || l.Model == invoq.RateSubsidized {
		l.Steps = nil
	}
	l.Cost = invoq.Decimal{}
	return l
}

// seenBill gives a bill the form of the contract, as the caller may see it.
func seenBill(ctx context.Context, b invoq.Bill) Bill {
	b.Lines = seen(ctx, b.Lines)
	return billJSON(b)
}

// seenTrace is seenBill for the trace of a line.
func seenTrace(ctx context.Context, l billing.ExplainedLine, c invoq.Currency) ExplainedLine {
	if !seesCosts(ctx) {
		l.Line = veil(l.Line)
		l.Text = pricing.Explain(l.Line, c)
	}
	return explainedJSON(l)
}

// checkCosts refuses to price a tenant's past by a plan of the caller's own that
// is made of real costs: its total would tell them.
func checkCosts(ctx context.Context, p invoq.Plan) error {
	if seesCosts(ctx) {
		return nil
	}
	for _, r := range p.Rates {
		if r.Kind == invoq.RateMarkup || r.Kind == invoq.RateSubsidized {
			return invoq.Errorf(invoq.KindForbidden,
				"plan %q: rate %q is made of real costs, which this key may not know", p.Name, r.Label())
		}
	}
	return nil
}
