package api

import (
	"context"
	"slices"

	"invoq"
	"invoq/billing"
	"invoq/pricing"
)

// Simulate prices usage by several plans, side by side.
func (s *Server) Simulate(ctx context.Context, r SimulateRequestObject) (SimulateResponseObject, error) {
	b := r.Body
	// Without a tenant, a calendar is all that is needed of one.
	t := invoq.Tenant{Timezone: derefOr(b.Timezone, invoq.DefaultTimezone)}
	if name := deref(b.TenantID); name != "" {
		var err error
		if t, err = s.DB.FindTenant(ctx, scope(ctx), name); err != nil {
			return nil, err
		}
		if b.Timezone != nil {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "timezone: the calendar is the tenant's")
		}
	}
	zone, err := t.Location()
	if err != nil {
		return nil, err
	}
	q := billing.Simulate{Tenant: t, Zone: zone}
	if q.Period, err = periodOf(t, b.PeriodStart, b.PeriodEnd); err != nil {
		return nil, err
	}
	for i := range b.Plans {
		p, err := s.simulatedPlan(ctx, &b.Plans[i])
		if err != nil {
			return nil, err
		}
		if b.Plans[i].Plan != nil && t.ID != "" {
			if err := checkCosts(ctx, p); err != nil {
				return nil, err
			}
		}
		q.Plans = append(q.Plans, p)
	}
	for _, u := range deref(b.Usage) {
		q.Usage = append(q.Usage, simulatedItem(u, q.Period))
	}
	out, err := s.Biller.Simulate(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range out.Results {
		st := &out.Results[i].Statement
		st.Lines = seen(ctx, st.Lines)
	}
	return Simulate200JSONResponse(out), nil
}

// simulatedPlan finds or reads one plan of a simulation.
func (s *Server) simulatedPlan(ctx context.Context, p *SimulatedPlan) (invoq.Plan, error) {
	given := 0
	for _, is := range []bool{p.PlanID != nil, p.Preset != nil, p.Plan != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return invoq.Plan{}, invoq.Errorf(invoq.KindUnprocessable,
			"plans: give one of plan_id, preset and plan each")
	case p.Preset != nil:
		return pricing.Preset(*p.Preset)
	case p.Plan != nil:
		return s.planOf(ctx, *p.Plan)
	}
	// In the caller's scope: another tenant's own plan does not exist.
	versions, err := s.DB.PlanVersions(ctx, scope(ctx), invoq.PlanID(*p.PlanID))
	if err != nil {
		return invoq.Plan{}, err
	}
	if p.Version == nil {
		return versions[0], nil
	}
	at := slices.IndexFunc(versions, func(v invoq.Plan) bool { return v.Version == *p.Version })
	if at < 0 {
		return invoq.Plan{}, invoq.Errorf(invoq.KindNotFound, "no version %d of plan %q", *p.Version, *p.PlanID)
	}
	return versions[at], nil
}

// simulatedItem gives made-up usage the form that is priced.
func simulatedItem(u SimulatedUsage, period invoq.Interval) pricing.Item {
	at := derefOr(u.At, period.Start).UTC()
	return pricing.Item{
		Interval: invoq.Interval{Start: at, End: at}, Meter: invoq.Meter(u.Meter), Quantity: u.Quantity,
		Source: &pricing.Source{
			Namespace: deref(u.Namespace), Service: deref(u.Service), Tags: deref(u.Tags),
		},
	}
}
