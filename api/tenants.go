package api

import (
	"context"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// ListTenants answers with a page of tenants.
func (s *Server) ListTenants(
	ctx context.Context,
	r ListTenantsRequestObject,
) (ListTenantsResponseObject, error) {
	page, err := pageOf(r.Params.LimitParam, r.Params.AfterParam)
	if err != nil {
		return nil, err
	}
	ts, err := s.DB.ListTenants(ctx, scope(ctx), page)
	if err != nil {
		return nil, err
	}
	return ListTenants200JSONResponse{
		Items: convert(ts, tenantJSON),
		Next:  next(ts, page, func(t invoq.Tenant) string { return string(t.Name) }),
	}, nil
}

// CreateTenant stores a new tenant.
func (s *Server) CreateTenant(
	ctx context.Context,
	r CreateTenantRequestObject,
) (CreateTenantResponseObject, error) {
	t := invoq.Tenant{
		Name:         invoq.TenantName(r.Body.Name),
		BillingEmail: deref(r.Body.BillingEmail),
		Currency:     invoq.Currency(deref(r.Body.Currency)),
		Timezone:     deref(r.Body.Timezone),
		PlanID:       invoq.PlanID(deref(r.Body.PlanID)),
	}
	if t.Currency == "" {
		t.Currency = invoq.DefaultCurrency
	}
	if t.Timezone == "" {
		t.Timezone = invoq.DefaultTimezone
	}
	if err := s.checkTenant(ctx, t); err != nil {
		return nil, err
	}
	t, err := s.DB.CreateTenant(ctx, scope(ctx), t)
	if err != nil {
		return nil, err
	}
	return CreateTenant201JSONResponse(tenantJSON(t)), nil
}

// GetTenant answers with one tenant.
func (s *Server) GetTenant(ctx context.Context, r GetTenantRequestObject) (GetTenantResponseObject, error) {
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.TenantPath)
	if err != nil {
		return nil, err
	}
	return GetTenant200JSONResponse(tenantJSON(t)), nil
}

// UpdateTenant changes what may be changed about a tenant.
func (s *Server) UpdateTenant(
	ctx context.Context,
	r UpdateTenantRequestObject,
) (UpdateTenantResponseObject, error) {
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.TenantPath)
	if err != nil {
		return nil, err
	}
	if zone := derefOr(r.Body.Timezone, t.Timezone); zone != t.Timezone {
		if err := s.checkUnbilled(ctx, t); err != nil {
			return nil, err
		}
		t.Timezone = zone
	}
	t.BillingEmail = derefOr(r.Body.BillingEmail, t.BillingEmail)
	t.PlanID = invoq.PlanID(derefOr(r.Body.PlanID, string(t.PlanID)))
	if err := s.checkTenant(ctx, t); err != nil {
		return nil, err
	}
	if t, err = s.DB.UpdateTenant(ctx, scope(ctx), t); err != nil {
		return nil, err
	}
	return UpdateTenant200JSONResponse(tenantJSON(t)), nil
}

// checkUnbilled refuses another time zone for a tenant with an issued bill: the
// next month would begin before or after the last one ended.
func (s *Server) checkUnbilled(ctx context.Context, t invoq.Tenant) error {
	for _, status := range []invoq.BillStatus{invoq.BillFinal, invoq.BillPaid} {
		some, err := s.DB.ListBills(ctx, scope(ctx), postgres.BillFilter{Tenant: t.ID, Status: status},
			invoq.Page{Limit: 1})
		if err != nil {
			return err
		}
		if len(some) > 0 {
			return invoq.Errorf(invoq.KindConflict, "bill %s of the tenant was issued in the time zone %s, "+
				"which stays: hours would be billed twice or never", some[0].Number, t.Timezone)
		}
	}
	return nil
}

// checkTenant checks what is about to be stored, down to the plan's currency.
func (s *Server) checkTenant(ctx context.Context, t invoq.Tenant) error {
	if err := t.Validate(); err != nil {
		return err
	}
	if _, err := pricing.Digits(t.Currency); err != nil {
		return err
	}
	if t.PlanID == "" {
		return nil
	}
	p, err := s.DB.FindPlan(ctx, scope(ctx), t.PlanID)
	if err != nil {
		return err
	}
	if p.Currency != t.Currency {
		return invoq.Errorf(
			invoq.KindUnprocessable,
			"plan %q is in %s, but the tenant is billed in %s",
			p.Name,
			p.Currency,
			t.Currency,
		)
	}
	if p.TenantID != "" && p.TenantID != t.ID {
		return invoq.Errorf(invoq.KindUnprocessable, "plan %q is another tenant's own", p.Name)
	}
	return nil
}

// tenantJSON gives a tenant the form of the contract.
func tenantJSON(t invoq.Tenant) Tenant {
	return Tenant{
		ID:           string(t.ID),
		Name:         string(t.Name),
		BillingEmail: t.BillingEmail,
		Currency:     string(t.Currency),
		Timezone:     t.Timezone,
		PlanID:       optional(string(t.PlanID)),
		CreatedAt:    t.CreatedAt,
		UpdatedAt:    t.UpdatedAt,
	}
}
