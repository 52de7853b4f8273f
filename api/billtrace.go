package api

import (
	"context"

	"invoq"
	"invoq/billing"
)

// RecomputeBill computes a bill again and compares.
func (s *Server) RecomputeBill(
	ctx context.Context, r RecomputeBillRequestObject,
) (RecomputeBillResponseObject, error) {
	out, err := s.Office.Recompute(ctx, scope(ctx), invoq.BillID(r.BillPath))
	if err != nil {
		return nil, err
	}
	again := out.Again
	again.ID, again.CreatedAt = out.Bill.ID, out.Bill.CreatedAt
	return RecomputeBill200JSONResponse{
		Agrees: out.Agrees(), Sha256: out.Bill.SHA256, RecomputedSha256: out.Again.SHA256,
		Recomputed: seenBill(ctx, again), Corrections: linesJSON(seen(ctx, out.Corrections)),
	}, nil
}

// ExplainBill traces every line of a bill.
func (s *Server) ExplainBill(
	ctx context.Context, r ExplainBillRequestObject,
) (ExplainBillResponseObject, error) {
	out, err := s.Office.Explain(ctx, scope(ctx), invoq.BillID(r.BillPath))
	if err != nil {
		return nil, err
	}
	return ExplainBill200JSONResponse{
		Bill: seenBill(ctx, out.Bill),
		Lines: convert(out.Lines, func(l billing.ExplainedLine) ExplainedLine {
			return seenTrace(ctx, l, out.Bill.Currency)
		}),
	}, nil
}

// explainedJSON gives a line's trace the form of the contract.
func explainedJSON(l billing.ExplainedLine) ExplainedLine {
	return ExplainedLine{
		Line: l.Line, Text: l.Text, Plan: l.Plan.Name, PlanVersion: l.Plan.Version,
		Usage: convert(l.Usage, func(u billing.LineUsage) LineUsage {
			return LineUsage{
				Start: u.Start, End: u.End, Namespace: u.Namespace, Service: u.Service,
				Revision: u.Revision, Quantity: u.Quantity,
				Entries: u.Entries, FirstEntry: u.First, LastEntry: u.Last,
			}
		}),
	}
}
