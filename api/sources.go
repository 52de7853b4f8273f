package api

import (
	"context"
	"time"

	"invoq"
	"invoq/ledger"
)

// GetServiceSource answers with what a service is counted from.
func (s *Server) GetServiceSource(
	ctx context.Context, r GetServiceSourceRequestObject,
) (GetServiceSourceResponseObject, error) {
	_, sources, err := s.DB.ServiceSources(ctx, scope(ctx), invoq.ServiceID(r.ServicePath))
	if err != nil {
		return nil, err
	}
	return GetServiceSource200JSONResponse(sourcesJSON(sources, s.Now())), nil
}

// ChangeServiceSource has a service counted from another source.
func (s *Server) ChangeServiceSource(
	ctx context.Context, r ChangeServiceSourceRequestObject,
) (ChangeServiceSourceResponseObject, error) {
	now := s.Now().UTC()
	change := ledger.SourceChange{
		Source: invoq.CountedBy(r.Body.Source), From: deref(r.Body.From), Reason: r.Body.Reason,
		ChangedBy: string(identity(ctx).KeyID), ChangedAt: now,
	}
	decide := func(sources ledger.Sources) (ledger.SourceChange, error) { return sources.Change(change) }
	sources, err := s.DB.ChangeSource(ctx, scope(ctx), invoq.ServiceID(r.ServicePath), decide)
	if err != nil {
		return nil, err
	}
	return ChangeServiceSource200JSONResponse(sourcesJSON(sources, now)), nil
}

// sourcesJSON gives sources the form of the contract.
func sourcesJSON(sources ledger.Sources, now time.Time) ServiceSource {
	return ServiceSource{
		Source: optional(string(sources.At(now))),
		Changes: convert(sources.Changes, func(c ledger.SourceChange) SourceChange {
			return SourceChange{
				Source: string(c.Source), From: c.From, Reason: c.Reason, ChangedBy: c.ChangedBy,
				ChangedAt: c.ChangedAt,
			}
		}),
	}
}
