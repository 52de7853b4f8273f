package api

import (
	"context"

	"invoq"
	"invoq/access"
	"invoq/tsdb"
)

// ListRejections answers with what was refused of the samples that the caller
// may see.
func (s *Server) ListRejections(
	ctx context.Context, r ListRejectionsRequestObject,
) (ListRejectionsResponseObject, error) {
	tenant := identity(ctx).Tenant
	if named := deref(r.Params.TenantFilter); named != "" {
		t, err := s.DB.FindTenant(ctx, scope(ctx), named)
		if err != nil {
			return nil, err
		}
		tenant = t.Name
	}
	if tenant == "" && identity(ctx).Role != access.Owner {
		return nil, invoq.Errorf(invoq.KindForbidden, "a key without a tenant sees nobody's samples")
	}
	return ListRejections200JSONResponse{Items: convert(s.Store.Refusals(tenant), rejectionJSON)}, nil
}

// rejectionJSON gives a refusal the form of the contract.
func rejectionJSON(r tsdb.Refusal) Rejection {
	return Rejection{
		Tenant: string(r.Tenant), Reason: r.Reason.String(), Count: r.Count, Example: r.Example, Last: r.Last,
	}
}
