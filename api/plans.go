package api

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"invoq"
	"invoq/pricing"
)

// ListPlans answers with a page of plans.
func (s *Server) ListPlans(ctx context.Context, r ListPlansRequestObject) (ListPlansResponseObject, error) {
	page, err := pageOf(r.Params.LimitParam, r.Params.AfterParam)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.ListPlans(ctx, scope(ctx), page)
	if err != nil {
		return nil, err
	}
	items, err := plansJSON(all)
	if err != nil {
		return nil, err
	}
	return ListPlans200JSONResponse{
		Items: items, Next: next(all, page, func(p invoq.Plan) string { return string(p.ID) }),
	}, nil
}

// CreatePlan stores the first version of a plan.
func (s *Server) CreatePlan(
	ctx context.Context,
	r CreatePlanRequestObject,
) (CreatePlanResponseObject, error) {
	p, err := s.planOf(ctx, *r.Body)
	if err != nil {
		return nil, err
	}
	if p, err = s.DB.CreatePlan(ctx, scope(ctx), p, string(identity(ctx).KeyID)); err != nil {
		return nil, err
	}
	out, err := planJSON(p)
	return CreatePlan201JSONResponse(out), err
}

// GetPlan answers with the newest version of a plan.
func (s *Server) GetPlan(ctx context.Context, r GetPlanRequestObject) (GetPlanResponseObject, error) {
	p, err := s.DB.FindPlan(ctx, scope(ctx), invoq.PlanID(r.PlanPath))
	if err != nil {
		return nil, err
	}
	out, err := planJSON(p)
	return GetPlan200JSONResponse(out), err
}

// ChangePlan stores a new version of a plan.
func (s *Server) ChangePlan(
	ctx context.Context,
	r ChangePlanRequestObject,
) (ChangePlanResponseObject, error) {
	to, err := s.planOf(ctx, *r.Body)
	if err != nil {
		return nil, err
	}
	p, err := s.DB.ChangePlan(ctx, scope(ctx), invoq.PlanID(r.PlanPath), string(identity(ctx).KeyID),
		func(p *invoq.Plan) error {
			if to.EffectiveFrom == "" {
				to.EffectiveFrom = invoq.DateOf(s.Now(), time.UTC)
			}
			*p = to
			return nil
		})
	if err != nil {
		return nil, err
	}
	out, err := planJSON(p)
	return ChangePlan200JSONResponse(out), err
}

// RetirePlan stores an inactive version of a plan.
func (s *Server) RetirePlan(
	ctx context.Context,
	r RetirePlanRequestObject,
) (RetirePlanResponseObject, error) {
	p, err := s.DB.ChangePlan(ctx, scope(ctx), invoq.PlanID(r.PlanPath), string(identity(ctx).KeyID),
		func(p *invoq.Plan) error {
			p.Active, p.EffectiveFrom, p.Reason = false, invoq.DateOf(s.Now(), time.UTC), "retired"
			return nil
		})
	if err != nil {
		return nil, err
	}
	out, err := planJSON(p)
	return RetirePlan200JSONResponse(out), err
}

// ListPlanVersions answers with all versions of a plan.
func (s *Server) ListPlanVersions(
	ctx context.Context, r ListPlanVersionsRequestObject,
) (ListPlanVersionsResponseObject, error) {
	all, err := s.DB.PlanVersions(ctx, scope(ctx), invoq.PlanID(r.PlanPath))
	if err != nil {
		return nil, err
	}
	items, err := plansJSON(all)
	return ListPlanVersions200JSONResponse{Items: items}, err
}

// flat is a price of the short form, which a plan's rates say in full.
type flat struct {
	meter       invoq.Meter
	price, free **Decimal
}

// planOf reads a plan from either form, or both for different meters.
func (s *Server) planOf(ctx context.Context, b NewPlan) (invoq.Plan, error) {
	p := invoq.Plan{
		Name: b.Name, Currency: invoq.Currency(b.Currency), Active: derefOr(b.Active, true),
		MinimumPerMonth: deref(b.MinimumPerMonth), Reason: deref(b.Reason),
	}
	if day := deref(b.EffectiveFrom); day != "" {
		var err error
		if p.EffectiveFrom, err = invoq.ParseDate(day); err != nil {
			return p, err
		}
	}
	if deref(b.TenantID) != "" {
		t, err := s.DB.FindTenant(ctx, scope(ctx), *b.TenantID)
		if err != nil {
			return p, err
		}
		p.TenantID = t.ID
	}
	var full []invoq.Rate
	if rates := deref(b.Rates); len(rates) > 0 {
		var err error
		if full, err = parseRates(rates, b.Currency); err != nil {
			return p, err
		}
	}
	short, err := shortRates(b)
	if err != nil {
		return p, err
	}
	for _, rate := range short {
		// A plan that was read says a price in both forms.
		if !slices.ContainsFunc(full, func(r invoq.Rate) bool { return isFlat(r) && sameFlat(r, rate) }) {
			p.Rates = append(p.Rates, rate)
		}
	}
	p.Rates = append(p.Rates, full...)
	return p, pricing.Validate(p)
}

// sameFlat reports whether two flat rates say the same.
func sameFlat(a, b invoq.Rate) bool {
	return a.Meter == b.Meter && a.Price.Equal(b.Price) && a.FreePerMonth.Equal(b.FreePerMonth)
}

// isFlat reports whether the short form says all that the rate says.
func isFlat(r invoq.Rate) bool {
	short := invoq.Rate{Meter: r.Meter, Price: r.Price, FreePerMonth: r.FreePerMonth}
	return reflect.DeepEqual(r, short)
}

// shortRates reads the prices of the short form.
func shortRates(b NewPlan) ([]invoq.Rate, error) {
	var all []invoq.Rate
	for _, f := range []flat{
		{invoq.Invocations, &b.PricePerInvocation, &b.FreeTierInvocations},
		{invoq.MBMs, &b.PricePerMbMs, &b.FreeTierMbMs},
		{invoq.CPUMs, &b.PricePerCPUMs, nil},
		{invoq.ColdStarts, &b.PricePerColdStart, nil},
	} {
		rate := invoq.Rate{Meter: f.meter}
		if f.free != nil {
			rate.FreePerMonth = deref(*f.free)
		}
		if *f.price == nil {
			if !rate.FreePerMonth.IsZero() {
				return nil, invoq.Errorf(
					invoq.KindUnprocessable,
					"free units of %s need a price of %s",
					f.meter,
					f.meter,
				)
			}
			continue
		}
		rate.Price = **f.price
		all = append(all, rate)
	}
	return all, nil
}

// parseRates reads rates in full, as strictly as a whole plan.
func parseRates(rates []Rate, currency string) ([]invoq.Rate, error) {
	plan, err := json.Marshal(map[string]any{"name": "rates", "currency": currency, "rates": rates})
	if err != nil {
		return nil, fmt.Errorf("read rates: %w", err)
	}
	p, err := pricing.ParsePlan(plan)
	return p.Rates, err
}

// plansJSON gives plans the form of the contract.
func plansJSON(all []invoq.Plan) ([]Plan, error) {
	out := make([]Plan, len(all))
	for i, p := range all {
		var err error
		if out[i], err = planJSON(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// planJSON writes a plan in both forms; the short one where it says it all.
func planJSON(p invoq.Plan) (Plan, error) {
	out := Plan{
		ID: string(p.ID), Version: p.Version, Name: p.Name, TenantID: optional(string(p.TenantID)),
		Currency: string(p.Currency), Active: p.Active, CreatedAt: p.CreatedAt, Rates: []Rate{},
		EffectiveFrom: optional(string(p.EffectiveFrom)), CreatedBy: optional(p.CreatedBy), Reason: optional(p.Reason),
	}
	if !p.MinimumPerMonth.IsZero() {
		out.MinimumPerMonth = &p.MinimumPerMonth
	}
	for _, r := range p.Rates {
		raw, err := json.Marshal(r)
		if err != nil {
			return out, fmt.Errorf("write rate: %w", err)
		}
		out.Rates = append(out.Rates, raw)
	}
	for _, f := range []flat{
		{invoq.Invocations, &out.PricePerInvocation, &out.FreeTierInvocations},
		{invoq.MBMs, &out.PricePerMbMs, &out.FreeTierMbMs},
		{invoq.CPUMs, &out.PricePerCPUMs, nil},
		{invoq.ColdStarts, &out.PricePerColdStart, nil},
	} {
		r, ok := p.Rate(f.meter)
		if !ok || !isFlat(r) || f.free == nil && !r.FreePerMonth.IsZero() {
			continue
		}
		*f.price = &r.Price
		if f.free != nil {
			*f.free = &r.FreePerMonth
		}
	}
	return out, nil
}
