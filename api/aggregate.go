package api

import "context"

// Aggregate counts what has arrived since the last run.
func (s *Server) Aggregate(ctx context.Context, _ AggregateRequestObject) (AggregateResponseObject, error) {
	r, err := s.Aggregator.Run(ctx, s.Now())
	if err != nil {
		return nil, err
	}
	return Aggregate200JSONResponse{Windows: r.Windows, From: r.From, Until: r.Until}, nil
}
