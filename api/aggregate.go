package api

import (
	"cmp"
	"context"
	"slices"

	"invoq"
	"invoq/metering"
)

// Aggregate counts what has arrived since the last run, and posts the hours that
// have ended to the book.
func (s *Server) Aggregate(ctx context.Context, _ AggregateRequestObject) (AggregateResponseObject, error) {
	r, err := s.Aggregator.Run(ctx, s.Now())
	if err != nil {
		return nil, err
	}
	if err := s.Poster.Post(ctx, s.Now()); err != nil {
		return nil, err
	}
	return Aggregate200JSONResponse(aggregationJSON(r)), nil
}

// aggregationJSON gives a run's report the form of the contract.
func aggregationJSON(r metering.Report) Aggregation {
	a := Aggregation{
		Windows: r.Windows, From: r.From, Until: r.Until,
		Held: []HeldTenant{}, Uncounted: []UncountedService{},
	}
	for t, err := range r.Held {
		a.Held = append(a.Held, HeldTenant{Tenant: string(t), Reason: invoq.MessageOf(err)})
	}
	for key, source := range r.Uncounted {
		a.Uncounted = append(a.Uncounted, UncountedService{
			Tenant: string(key.Tenant), Namespace: key.Namespace, Service: key.Service, Source: source.String(),
		})
	}
	slices.SortFunc(a.Held, func(x, y HeldTenant) int { return cmp.Compare(x.Tenant, y.Tenant) })
	slices.SortFunc(a.Uncounted, func(x, y UncountedService) int {
		return cmp.Or(cmp.Compare(x.Tenant, y.Tenant), cmp.Compare(x.Namespace, y.Namespace),
			cmp.Compare(x.Service, y.Service))
	})
	return a
}
