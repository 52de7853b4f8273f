package api

import (
	"context"

	"invoq"
)

// ListServices answers with a page of services.
func (s *Server) ListServices(
	ctx context.Context,
	r ListServicesRequestObject,
) (ListServicesResponseObject, error) {
	page, err := pageOf(r.Params.LimitParam, r.Params.AfterParam)
	if err != nil {
		return nil, err
	}
	tenant, err := s.tenantFilter(ctx, r.Params.TenantFilter)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.ListServices(ctx, scope(ctx), tenant, page)
	if err != nil {
		return nil, err
	}
	return ListServices200JSONResponse{
		Items: convert(all, serviceJSON),
		Next:  next(all, page, func(v invoq.Service) string { return string(v.ID) }),
	}, nil
}

// tenantFilter returns the id of the tenant named in a query, "" for none.
func (s *Server) tenantFilter(ctx context.Context, idOrName *string) (invoq.TenantID, error) {
	if deref(idOrName) == "" {
		return "", nil
	}
	t, err := s.DB.FindTenant(ctx, scope(ctx), *idOrName)
	return t.ID, err
}

// PutService stores the description of a service.
func (s *Server) PutService(
	ctx context.Context,
	r PutServiceRequestObject,
) (PutServiceResponseObject, error) {
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.Body.TenantID)
	if err != nil {
		return nil, err
	}
	v := invoq.Service{
		TenantID:      t.ID,
		Namespace:     deref(r.Body.Namespace),
		Name:          r.Body.Name,
		Runtime:       deref(r.Body.Runtime),
		MemoryLimitMB: deref(r.Body.MemoryLimitMb),
		CPULimitCores: deref(r.Body.CPULimitCores),
		Tags:          deref(r.Body.Tags),
	}
	if err := v.Validate(); err != nil {
		return nil, err
	}
	if v, err = s.DB.PutService(ctx, scope(ctx), v); err != nil {
		return nil, err
	}
	return PutService200JSONResponse(serviceJSON(v)), nil
}

// serviceJSON gives a service the form of the contract.
func serviceJSON(v invoq.Service) Service {
	return Service{
		ID: string(
			v.ID,
		),
		TenantID:      string(v.TenantID),
		Namespace:     v.Namespace,
		Name:          v.Name,
		Runtime:       v.Runtime,
		MemoryLimitMb: v.MemoryLimitMB,
		CPULimitCores: v.CPULimitCores,
		Tags:          v.Tags,
		Source:        optional(string(v.CountedBy)),
		CreatedAt:     v.CreatedAt,
	}
}
