package api

import (
	"context"
	"strings"

	"invoq"
	"invoq/ledger"
	"invoq/pricing/catalogue"
)

// GetCosts answers with the cost catalogue in force.
func (s *Server) GetCosts(ctx context.Context, _ GetCostsRequestObject) (GetCostsResponseObject, error) {
	c, err := s.Costs.Current(ctx)
	if err != nil {
		return nil, err
	}
	return GetCosts200JSONResponse(costsJSON(c)), nil
}

// ImportCosts stores the next version of the cost catalogue.
func (s *Server) ImportCosts(
	ctx context.Context, r ImportCostsRequestObject,
) (ImportCostsResponseObject, error) {
	items := convert(deref(r.Body.Items), costItem)
	if text := deref(r.Body.Csv); text != "" {
		if len(items) > 0 {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "send items or csv, not both")
		}
		var err error
		if items, err = catalogue.ReadCSV(strings.NewReader(text)); err != nil {
			return nil, err
		}
	}
	by := string(identity(ctx).KeyID)
	c, err := s.Costs.Import(ctx, invoq.Currency(r.Body.Currency), items, by)
	if err != nil {
		return nil, err
	}
	return ImportCosts201JSONResponse(costsJSON(c)), nil
}

// costItem reads an item of the contract.
func costItem(i CostItem) catalogue.Item {
	item := catalogue.Item{
		Tenant: invoq.TenantName(deref(i.Tenant)), Provider: deref(i.Provider), Service: deref(i.Service),
		Meter: invoq.Meter(i.Resource), Cost: i.Cost, Per: deref(i.Per), From: deref(i.From).UTC(),
		Model: invoq.RateKind(deref(i.Model)), Factor: deref(i.Factor),
	}
	return item
}

// costsJSON gives a catalogue, nil for none, the form of the contract.
func costsJSON(c *catalogue.Catalogue) Costs {
	if c == nil {
		return Costs{Items: []CostItem{}}
	}
	return Costs{
		Version: c.Version(), Currency: string(c.Currency()),
		Items: convert(c.Items(), func(i catalogue.Item) CostItem {
			item := CostItem{
				Tenant: optional(string(i.Tenant)), Provider: optional(i.Provider),
				Service: optional(i.Service), Resource: string(i.Meter), Cost: i.Cost,
				Model: optional(CostItemModel(i.Model)),
			}
			if !i.Per.IsZero() {
				item.Per = &i.Per
			}
			if !i.Factor.IsZero() {
				item.Factor = &i.Factor
			}
			if !i.From.IsZero() {
				item.From = &i.From
			}
			return item
		}),
	}
}

// GetMargins answers with what is left of what is billed.
func (s *Server) GetMargins(
	ctx context.Context, r GetMarginsRequestObject,
) (GetMarginsResponseObject, error) {
	period := invoq.Interval{Start: r.Params.Start.UTC(), End: r.Params.End.UTC()}
	if err := period.Validate(); err != nil {
		return nil, err
	}
	tenant, err := s.tenantFilter(ctx, r.Params.TenantFilter)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.Margins(ctx, scope(ctx), ledger.MarginQuery{
		By: ledger.MarginBy(r.Params.By), Interval: period, Tenant: tenant,
		User: ledger.UserID(deref(r.Params.UserID)), Losing: deref(r.Params.Losing),
		Limit: derefOr(r.Params.LimitParam, invoq.DefaultPageSize),
	})
	if err != nil {
		return nil, err
	}
	answer := GetMargins200JSONResponse{Totals: []Margin{}, Rows: []Margin{}}
	for _, m := range all {
		if m.Total {
			answer.Totals = append(answer.Totals, marginJSON(m))
			continue
		}
		answer.Rows = append(answer.Rows, marginJSON(m))
	}
	return answer, nil
}

// marginJSON gives a margin the form of the contract.
func marginJSON(m ledger.Margin) Margin {
	return Margin{
		Key: optional(m.Key), Name: optional(m.Name), TenantID: optional(string(m.TenantID)),
		Tenant: optional(string(m.Tenant)), Currency: string(m.Currency), Entries: m.Entries,
		Unpriced: m.Unpriced, RealCost: m.RealCost, BilledCost: m.BilledCost, Margin: m.Margin(),
		Loses: m.Margin().Sign() < 0, Status: MarginStatus(m.Status()),
	}
}
