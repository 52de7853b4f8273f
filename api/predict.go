package api

import (
	"context"

	"invoq"
	"invoq/outlook"
	"invoq/postgres"
)

// Predict looks ahead for a tenant, one of its services or one of its users.
func (s *Server) Predict(ctx context.Context, r PredictRequestObject) (PredictResponseObject, error) {
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.Body.TenantID)
	if err != nil {
		return nil, err
	}
	q := outlook.Request{Tenant: t, Budget: deref(r.Body.Budget), Now: s.Now()}
	if q.Horizon, err = outlook.ParseHorizon(string(r.Body.Period)); err != nil {
		return nil, err
	}
	if name := deref(r.Body.ServiceID); name != "" {
		if q.Service, err = s.DB.FindService(ctx, scope(ctx), t.ID, name); err != nil {
			return nil, err
		}
	}
	p, err := s.predict(ctx, q, deref(r.Body.UserID))
	if err != nil {
		return nil, err
	}
	return Predict200JSONResponse(predictionJSON(p)), nil
}

// predict looks ahead for a user where one is named.
func (s *Server) predict(
	ctx context.Context, q outlook.Request, user string,
) (*outlook.Prediction, error) {
	if user == "" {
		return s.Outlooks.Predict(ctx, q)
	}
	u, err := s.DB.FindUser(ctx, scope(ctx), q.Tenant.ID, user)
	if err != nil {
		return nil, err
	}
	return s.Outlooks.PredictUser(ctx, q, u)
}

// predictionJSON gives a prediction the form of the contract.
func predictionJSON(p *outlook.Prediction) Prediction {
	out := Prediction{
		TenantID: string(p.Tenant.ID), ServiceID: optional(string(p.Service.ID)),
		UserID: optional(string(p.User.ID)), Period: p.Horizon.Name,
		PeriodStart: p.Period.Start, PeriodEnd: p.Period.End, Currency: string(p.Currency),
		ForecastedCost: costBoundsJSON(p.Cost), Components: convert(p.Components, predictedUsageJSON),
		Confidence: Confidence{
			Value: p.Confidence.Value, Measured: p.Confidence.Measured, Meaning: p.Confidence.Meaning,
		},
		ModelVersion: outlook.ModelVersion, Warnings: convert(p.Warnings, identical[string]),
	}
	if m := p.Month; m != nil {
		out.Month = &MonthOutlook{
			PeriodStart: m.Period.Start, PeriodEnd: m.Period.End, SoFar: m.SoFar,
			Cost: costBoundsJSON(m.Cost), Warnings: convert(m.Warnings, identical[string]),
		}
		if c := m.Crossing; c != nil {
			out.Month.Budget = &BudgetOutlook{
				Budget: c.Budget, Already: c.Already, Probability: c.Probability,
				When: optional(c.When), Lo80: optional(c.Lo80), Hi80: optional(c.Hi80),
				Lo95: optional(c.Lo95), Hi95: optional(c.Hi95),
			}
		}
	}
	return out
}

// costBoundsJSON gives amounts the form of the contract.
func costBoundsJSON(a outlook.Amounts) CostBounds {
	return CostBounds{Expected: a.Expected, Lo80: a.Lo80, Hi80: a.Hi80, Lo95: a.Lo95, Hi95: a.Hi95}
}

// predictedUsageJSON gives the forecast of a meter the form of the contract.
func predictedUsageJSON(c outlook.Component) PredictedUsage {
	return PredictedUsage{
		Meter: string(c.Meter), Expected: c.Mean, Lo80: c.Lo80, Hi80: c.Hi80, Lo95: c.Lo95, Hi95: c.Hi95,
		Priced: c.Priced, Model: optional(c.Model),
	}
}

// identical returns what it is given: convert makes an empty list of none with it.
func identical[T any](v T) T { return v }

// GetAccuracy answers with the record of predictions for a tenant or a service.
func (s *Server) GetAccuracy(
	ctx context.Context, r GetAccuracyRequestObject,
) (GetAccuracyResponseObject, error) {
	t, err := s.DB.FindTenant(ctx, scope(ctx), r.Params.TenantID)
	if err != nil {
		return nil, err
	}
	q := outlook.Request{Tenant: t, Now: s.Now()}
	if name := deref(r.Params.ServiceID); name != "" {
		if q.Service, err = s.DB.FindService(ctx, scope(ctx), t.ID, name); err != nil {
			return nil, err
		}
	}
	all, err := s.Outlooks.Accuracy(ctx, invoq.Only(t.ID), q)
	if err != nil {
		return nil, err
	}
	return GetAccuracy200JSONResponse{
		TenantID: string(t.ID), ServiceID: optional(string(q.Service.ID)),
		Horizons: convert(all, horizonAccuracyJSON),
	}, nil
}

// horizonAccuracyJSON gives the record of a horizon the form of the contract.
func horizonAccuracyJSON(a postgres.Accuracy) HorizonAccuracy {
	return HorizonAccuracy{
		Period: outlook.NameOf(a.Horizon), Predictions: a.Predictions, Measured: a.Measured,
		Cost: hitsJSON(a.Cost), Invocations: hitsJSON(a.Invocations), Mase: a.MASE,
		From: optional(a.From), Until: optional(a.Until),
	}
}

func hitsJSON(h postgres.Hits) Hits { return Hits{In80: h.In80, In95: h.In95, Bias: h.Bias} }
