package api

import (
	"context"

	"invoq"
)

// ListPlanAssignments answers with which plan prices a tenant from which day.
func (s *Server) ListPlanAssignments(
	ctx context.Context, r ListPlanAssignmentsRequestObject,
) (ListPlanAssignmentsResponseObject, error) {
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.TenantPath)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.PlanAssignments(ctx, scope(ctx), t.ID)
	if err != nil {
		return nil, err
	}
	return ListPlanAssignments200JSONResponse{Items: convert(all, assignmentJSON)}, nil
}

// AssignPlan has a plan price a tenant from a day on.
func (s *Server) AssignPlan(
	ctx context.Context, r AssignPlanRequestObject,
) (AssignPlanResponseObject, error) {
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.TenantPath)
	if err != nil {
		return nil, err
	}
	from, err := invoq.ParseDate(r.Body.EffectiveFrom)
	if err != nil {
		return nil, err
	}
	t.PlanID = invoq.PlanID(r.Body.PlanID)
	if err := s.checkTenant(ctx, t); err != nil {
		return nil, err
	}
	a, err := s.DB.AssignPlan(ctx, scope(ctx), invoq.PlanAssignment{
		TenantID: t.ID, EffectiveFrom: from, PlanID: t.PlanID, Reason: r.Body.Reason,
		CreatedBy: string(identity(ctx).KeyID),
	})
	if err != nil {
		return nil, err
	}
	return AssignPlan201JSONResponse(assignmentJSON(a)), nil
}

// assignmentJSON gives an assignment the form of the contract.
func assignmentJSON(a invoq.PlanAssignment) PlanAssignment {
	return PlanAssignment{
		PlanID: string(a.PlanID), EffectiveFrom: string(a.EffectiveFrom), Reason: a.Reason,
		CreatedAt: a.CreatedAt, CreatedBy: a.CreatedBy,
	}
}
