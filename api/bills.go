package api

import (
	"context"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/postgres"
	"invoq/pricing"
)

// CalculateBill computes and stores the draft bill of a period.
func (s *Server) CalculateBill(
	ctx context.Context,
	r CalculateBillRequestObject,
) (CalculateBillResponseObject, error) {
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.Body.TenantID)
	if err != nil {
		return nil, err
	}
	period, err := periodOf(t, r.Body.PeriodStart, r.Body.PeriodEnd)
	if err != nil {
		return nil, err
	}
	c, err := s.Biller.Calculate(ctx, scope(ctx), string(t.ID), period)
	if err != nil {
		return nil, err
	}
	return CalculateBill200JSONResponse(calculationJSON(c)), nil
}

// periodOf reads a period given as days in the tenant's zone or as times.
func periodOf(t invoq.Tenant, start, end string) (invoq.Interval, error) {
	zone, err := t.Location()
	if err != nil {
		return invoq.Interval{}, err
	}
	read := func(field, s string) (time.Time, error) {
		if day, err := time.Parse(time.DateOnly, s); err == nil {
			return pricing.FirstInstant(day, zone).UTC(), nil
		}
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return at, invoq.Errorf(invoq.KindUnprocessable,
				"%s %q is neither a day such as 2026-03-01 nor a time such as 2026-03-01T00:00:00Z", field, s)
		}
		return at.UTC(), nil
	}
	var i invoq.Interval
	if i.Start, err = read("period_start", start); err != nil {
		return i, err
	}
	if i.End, err = read("period_end", end); err != nil {
		return i, err
	}
	return i, i.Validate()
}

// ListAllBills answers with a page of the bills in reach.
func (s *Server) ListAllBills(
	ctx context.Context, r ListAllBillsRequestObject,
) (ListAllBillsResponseObject, error) {
	page, err := pageOf(r.Params.LimitParam, r.Params.AfterParam)
	if err != nil {
		return nil, err
	}
	f := postgres.BillFilter{
		Status: invoq.BillStatus(derefOr(r.Params.Status, "")),
		Within: invoq.Interval{Start: deref(r.Params.Start), End: deref(r.Params.End)},
	}
	if name := deref(r.Params.TenantFilter); name != "" {
		t, err := s.DB.FindTenant(ctx, scope(ctx), name)
		if err != nil {
			return nil, err
		}
		f.Tenant = t.ID
	}
	all, err := s.DB.ListBills(ctx, scope(ctx), f, page)
	if err != nil {
		return nil, err
	}
	return ListAllBills200JSONResponse{
		Items: convert(all, func(b invoq.Bill) Bill { return seenBill(ctx, b) }),
		Next:  next(all, page, func(b invoq.Bill) string { return string(b.ID) }),
	}, nil
}

// ListBills answers with a page of a tenant's bills.
func (s *Server) ListBills(ctx context.Context, r ListBillsRequestObject) (ListBillsResponseObject, error) {
	page, err := pageOf(r.Params.LimitParam, r.Params.AfterParam)
	if err != nil {
		return nil, err
	}
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.TenantPath)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.ListBills(ctx, scope(ctx), postgres.BillFilter{Tenant: t.ID}, page)
	if err != nil {
		return nil, err
	}
	return ListBills200JSONResponse{
		Items: convert(all, func(b invoq.Bill) Bill { return seenBill(ctx, b) }),
		Next:  next(all, page, func(b invoq.Bill) string { return string(b.ID) }),
	}, nil
}

// GetBill answers with one bill.
func (s *Server) GetBill(ctx context.Context, r GetBillRequestObject) (GetBillResponseObject, error) {
	b, err := s.DB.FindBill(ctx, scope(ctx), invoq.BillID(r.BillPath))
	if err != nil {
		return nil, err
	}
	return GetBill200JSONResponse(seenBill(ctx, b)), nil
}

// billJSON gives a bill the form of the contract. Lines are never null: a bill of
// nothing has none.
func billJSON(b invoq.Bill) Bill {
	lines := b.Lines
	if lines == nil {
		lines = []BillLine{}
	}
	out := Bill{
		ID: string(b.ID), Number: optional(b.Number), TenantID: string(b.TenantID),
		PeriodStart: b.Period.Start, PeriodEnd: b.Period.End, Timezone: b.Timezone,
		Currency: string(b.Currency), PlanID: string(b.PlanID), PlanVersion: b.PlanVersion,
		Status: BillStatus(b.Status), LineItems: lines, TotalAmount: b.Total, Sha256: optional(b.SHA256),
		CreatedAt: b.CreatedAt, FinalizedAt: optional(b.FinalizedAt), PaidAt: optional(b.PaidAt),
		Payment: optional(b.Payment), VoidedAt: optional(b.VoidedAt), VoidReason: optional(b.VoidReason),
	}
	parts := convert(b.Parts, func(p invoq.BillPart) BillPart {
		return BillPart{
			PeriodStart: p.Period.Start, PeriodEnd: p.Period.End, PlanID: string(p.PlanID), PlanVersion: p.PlanVersion,
		}
	})
	out.Parts = &parts
	if b.Head.Size > 0 {
		out.Head = &BookHead{Size: b.Head.Size, Root: b.Head.Root}
	}
	out.CatalogueVersion = optional(b.Catalogue)
	if len(b.Tags) > 0 {
		tags := convert(b.Tags, func(t invoq.ServiceTags) ServiceTags {
			return ServiceTags{Namespace: t.Namespace, Service: t.Service, Tags: t.Tags}
		})
		out.Tags = &tags
	}
	if len(b.Warnings) > 0 {
		out.Warnings = &b.Warnings
	}
	return out
}

// calculationJSON adds what has to be said beside a bill that was just computed.
// It is not stored: it may be different the next time.
func calculationJSON(c billing.Calculation) Bill {
	b := billJSON(c.Bill)
	unpriced := convert(c.Unpriced, unpricedJSON)
	b.Unpriced = &unpriced
	b.Warnings = &c.Warnings
	if c.Warnings == nil {
		b.Warnings = &[]string{}
	}
	return b
}

// unpricedJSON gives usage without a price the form of the contract.
func unpricedJSON(u pricing.Unpriced) Unpriced {
	return Unpriced{
		Meter: string(u.Meter), Quantity: u.Quantity, Reason: string(u.Reason), Charged: optional(string(u.Charged)),
	}
}
