package api

import (
	"context"

	"invoq"
	"invoq/billing"
)

// RerateBill shows what another version of a plan would change, or does it when
// it is given the token of what was shown.
func (s *Server) RerateBill(
	ctx context.Context, r RerateBillRequestObject,
) (RerateBillResponseObject, error) {
	q := billing.Rerate{
		Bill: invoq.BillID(r.BillPath), Plan: invoq.PlanID(deref(r.Body.PlanID)),
		Version: deref(r.Body.PlanVersion), Reverts: deref(r.Body.Reverts), Reason: deref(r.Body.Reason),
		By: string(identity(ctx).KeyID),
	}
	var out billing.Rerated
	var err error
	if token := deref(r.Body.Token); token == "" {
		out, err = s.Office.PreviewRerate(ctx, scope(ctx), q)
	} else {
		out, err = s.Office.Rerate(ctx, scope(ctx), q, token)
	}
	if err != nil {
		return nil, err
	}
	answer := Rerating{
		BillID: string(out.Bill.ID), Difference: out.Difference, Lines: linesJSON(out.Lines),
		Token: out.Token, Applied: out.Applied != nil,
	}
	if out.Applied != nil {
		answer.ID = &out.Applied.ID
	}
	return RerateBill200JSONResponse(answer), nil
}

// ListReratings answers with the re-ratings of a bill.
func (s *Server) ListReratings(
	ctx context.Context, r ListReratingsRequestObject,
) (ListReratingsResponseObject, error) {
	all, err := s.DB.Reratings(ctx, scope(ctx), invoq.BillID(r.BillPath))
	if err != nil {
		return nil, err
	}
	return ListReratings200JSONResponse{Items: convert(all, func(x invoq.Rerating) ReratingRecord {
		return ReratingRecord{
			ID: x.ID, Reverts: optional(x.Reverts), Difference: x.Difference, Reason: x.Reason,
			CreatedAt: x.CreatedAt, CreatedBy: x.CreatedBy,
		}
	})}, nil
}

// linesJSON is never null: nothing to correct is an empty list.
func linesJSON(lines []invoq.BillLine) []BillLine {
	if lines == nil {
		return []BillLine{}
	}
	return lines
}
