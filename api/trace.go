package api

import (
	"context"
	"time"

	"invoq"
	"invoq/access"
	"invoq/ledger"
	"invoq/postgres"
)

// TraceEvent answers with what became of an event.
func (s *Server) TraceEvent(
	ctx context.Context, r TraceEventRequestObject,
) (TraceEventResponseObject, error) {
	tenant, err := s.tracedTenant(ctx, r.Params.TenantFilter)
	if err != nil {
		return nil, err
	}
	t, err := s.DB.Trace(ctx, scope(ctx), tenant.ID, r.Event)
	if err != nil {
		return nil, err
	}
	waiting := s.Events.Took(tenant.Name, r.Event)
	return TraceEvent200JSONResponse(
		traceJSON(r.Event, t, waiting, identity(ctx).Role.May(access.ManageCosts))), nil
}

// tracedTenant returns the tenant whose event it is: the key's own, or the one
// that is named, which a key for all must do.
func (s *Server) tracedTenant(ctx context.Context, named *string) (invoq.Tenant, error) {
	key := deref(named)
	if key == "" {
		key = string(identity(ctx).TenantID)
	}
	if key == "" {
		key = string(invoq.DefaultTenant)
	}
	return s.DB.FindTenant(ctx, scope(ctx), key)
}

// traceJSON gives a trace the form of the contract. Costs are shown to those
// who may know them.
func traceJSON(request string, t postgres.Trace, waiting, costs bool) Trace {
	out := Trace{
		RequestID: request, State: stateOf(t, waiting),
		Entries: convert(t.Entries, func(e ledger.Entry) TracedEntry { return tracedEntry(e, costs) }),
	}
	out.Refusals = make([]struct {
		Reason    string    `json:"reason"`
		RefusedAt time.Time `json:"refused_at"`
	}, len(t.Refusals))
	for i, refusal := range t.Refusals {
		out.Refusals[i].Reason, out.Refusals[i].RefusedAt = refusal.Reason, refusal.RefusedAt.UTC()
	}
	if t.Batch >= 0 {
		at := t.PostedAt.UTC()
		out.Batch, out.PostedAt = &t.Batch, &at
	}
	return out
}

// stateOf says how far an event has come.
func stateOf(t postgres.Trace, waiting bool) TraceState {
	switch {
	case len(t.Entries) > 0:
		for _, e := range t.Entries {
			if e.Unpriced() != "" {
				return Posted
			}
		}
		return Priced
	case len(t.Refusals) > 0:
		return Refused
	case waiting:
		return Waiting
	}
	return Unknown
}

func tracedEntry(e ledger.Entry, costs bool) TracedEntry {
	out := TracedEntry{
		Position: e.Position, Meter: string(e.Meter), Quantity: e.Quantity,
		Unpriced: optional(e.Unpriced()), Currency: optional(string(e.Currency)),
	}
	if e.Priced {
		out.BilledCost = &e.BilledCost
	}
	if !costs {
		out.Currency = optional(string(e.BilledIn())) // That of the cost would tell nothing.
		return out
	}
	out.Model = optional(string(e.Model))
	out.BilledCurrency = optional(string(e.BilledCurrency))
	out.Catalogue = optional(e.Catalogue)
	if e.Costed {
		out.UnitCost, out.RealCost = &e.UnitCost, &e.RealCost
	}
	return out
}
