package api

import (
	"context"

	"invoq"
	"invoq/billing"
)

// GetDashboard answers with a tenant's month to date.
func (s *Server) GetDashboard(
	ctx context.Context,
	r GetDashboardRequestObject,
) (GetDashboardResponseObject, error) {
	m, err := s.Biller.MonthToDate(ctx, scope(ctx), r.TenantPath, s.Now())
	if err != nil {
		return nil, err
	}
	d := Dashboard{
		TenantID:    string(m.Tenant.ID),
		Tenant:      string(m.Tenant.Name),
		Currency:    string(m.Bill.Currency),
		PeriodStart: m.Bill.Period.Start,
		PeriodEnd:   m.Bill.Period.End,
		Plan:        optional(m.Plan.Name),
		Problem:     optional(m.Problem),
		Total:       m.Bill.Total,
		Services: convert(
			m.Shares,
			shareJSON,
		),
		Unpriced: convert(m.Unpriced, unpricedJSON),
		Warnings: m.Warnings,
	}
	if d.Warnings == nil {
		d.Warnings = []string{}
	}
	d.Days = make([]struct {
		Cost  Decimal    `json:"cost"`
		Day   string     `json:"day"`
		Usage Quantities `json:"usage"`
	}, len(m.Days))
	for i, day := range m.Days {
		d.Days[i].Day, d.Days[i].Cost, d.Days[i].Usage = day.Day, day.Cost, quantitiesJSON(day.Quantities)
	}
	return GetDashboard200JSONResponse(d), nil
}

// shareJSON gives one revision's share the form of the contract.
func shareJSON(s billing.Share) Share {
	return Share{
		Namespace: s.Namespace,
		Service:   s.Service,
		Revision:  s.Revision,
		Cost:      s.Cost,
		Usage:     quantitiesJSON(s.Quantities),
	}
}

// quantitiesJSON gives quantities the form of the contract, meter by meter.
func quantitiesJSON(q invoq.Quantities) Quantities {
	return Quantities{
		Invocations: q.Invocations, DurationMs: q.DurationMs, MbMs: q.MBMs, CPUMs: q.CPUMs,
		ColdStarts: q.ColdStarts, Errors: q.Errors,
	}
}
