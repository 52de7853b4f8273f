package api

import (
	"context"

	"invoq/billing"
	"invoq/postgres"
)

// StartBillRun records that a run was asked for and has it worked on.
func (s *Server) StartBillRun(
	ctx context.Context, r StartBillRunRequestObject,
) (StartBillRunResponseObject, error) {
	if err := billing.CheckMonth(r.Body.Month); err != nil {
		return nil, err
	}
	// The job is enqueued in the transaction that stores the run, so that there is
	// never one without the other.
	run, err := s.DB.CreateBillRun(ctx, postgres.BillRun{
		Month: r.Body.Month, Finalize: deref(r.Body.Finalize), CreatedBy: string(identity(ctx).KeyID),
	}, func(tx postgres.Tx, _ postgres.BillRun) error { return s.StartRuns(ctx, tx) })
	if err != nil {
		return nil, err
	}
	return StartBillRun202JSONResponse(runJSON(run)), nil
}

// ListBillRuns answers with a page of runs.
func (s *Server) ListBillRuns(
	ctx context.Context, r ListBillRunsRequestObject,
) (ListBillRunsResponseObject, error) {
	page, err := pageOf(r.Params.LimitParam, r.Params.AfterParam)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.ListBillRuns(ctx, scope(ctx), page)
	if err != nil {
		return nil, err
	}
	return ListBillRuns200JSONResponse{
		Items: convert(all, runJSON),
		Next:  next(all, page, func(r postgres.BillRun) string { return r.ID }),
	}, nil
}

// GetBillRun answers with how far a run is and whom it has parked.
func (s *Server) GetBillRun(
	ctx context.Context, r GetBillRunRequestObject,
) (GetBillRunResponseObject, error) {
	run, err := s.DB.FindBillRun(ctx, scope(ctx), r.Run)
	if err != nil {
		return nil, err
	}
	parked, err := s.DB.ParkedTenants(ctx, scope(ctx), run.ID)
	if err != nil {
		return nil, err
	}
	out := runJSON(run)
	tenants := convert(parked, func(p postgres.ParkedTenant) ParkedTenant {
		return ParkedTenant{TenantID: string(p.TenantID), Tenant: string(p.Tenant), Problem: p.Problem}
	})
	out.ParkedTenants = &tenants
	return GetBillRun200JSONResponse(out), nil
}

// runJSON gives a run the form of the contract.
func runJSON(r postgres.BillRun) BillRun {
	status := Running
	if !r.FinishedAt.IsZero() {
		status = Finished
	}
	return BillRun{
		ID: r.ID, Month: r.Month, Finalize: r.Finalize, Status: status, Tenants: r.Tenants, Done: r.Done(),
		Drafted: r.Drafted, Final: r.Final, Kept: r.Kept, Parked: r.Parked, CreatedAt: r.CreatedAt,
		FinishedAt: optional(r.FinishedAt),
	}
}
