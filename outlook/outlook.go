package outlook

import (
	"context"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/forecast"
	"invoq/forecast/cost"
	"invoq/postgres"
	"invoq/pricing"
)

// ModelVersion names what made a prediction; it changes when the same history
// would give another one.
const ModelVersion = "combination-2"

// seed chooses the sample paths: always the same, so that asking again gives the
// same answer.
const seed = 1

// Outlooks predicts. It is safe for concurrent use.
type Outlooks struct {
	db     *postgres.DB
	biller *billing.Biller
	// fits are those that a keeper holds; nil elsewhere.
	fits *fits
	// kept are the months that pages show.
	kept *aheads
}

// New returns predictions over the database.
func New(db *postgres.DB) *Outlooks {
	return &Outlooks{
		db: db, biller: billing.New(db), kept: &aheads{all: map[aheadKey]Ahead{}},
	}
}

// Request asks for a prediction.
type Request struct {
	Tenant  invoq.Tenant
	Service invoq.Service // zero: all of the tenant's
	Horizon Horizon
	// Budget is what a calendar month may cost, in the plan's currency; zero: none.
	// A service has none.
	Budget invoq.Decimal
	Now    time.Time
}

// Amounts are an expected cost and its bounds, in a currency's minor unit.
type Amounts struct{ Expected, Lo80, Hi80, Lo95, Hi95 invoq.Decimal }

// Component is what will be used of one meter in the whole period, in the
// meter's unit.
type Component struct {
	Meter invoq.Meter
	forecast.Total
	// Priced is false where no rate of the plan is for the meter.
	Priced bool
	// Model names the methods that carry the path; empty: it was never used.
	Model string
}

// Month is what the calendar month will cost in which the prediction begins.
type Month struct {
	Period invoq.Interval
	SoFar  invoq.Decimal
	Cost   Amounts
	// Crossing tells about the budget; nil without one.
	Crossing *cost.Crossing
	Warnings []string
}

// Prediction is the answer to a request.
type Prediction struct {
	Request
	// User is who it is about; zero: everybody.
	User     postgres.User
	Period   invoq.Interval
	Currency invoq.Currency
	Cost     Amounts
	// Components are by meter, in the order of invoq.Meters; of a user, those that
	// were used, by name.
	Components []Component
	Month      *Month // nil for a service
	Confidence Confidence
	Warnings   []string

	scale float64 // of invocations
}

// Invocations returns the component of invocations.
func (p *Prediction) Invocations() Component { return p.Components[0] }

// Predict looks ahead. Errors are of KindUnprocessable where nothing was counted
// yet, no plan prices the tenant, or a budget comes with a service.
func (o *Outlooks) Predict(ctx context.Context, r Request) (*Prediction, error) {
	if r.Budget.Sign() < 0 || r.Budget.Sign() > 0 && r.Service.ID != "" {
		return nil, invoq.Errorf(invoq.KindUnprocessable,
			"budget: it must not be negative, and is the tenant's: a service has none")
	}
	counted, err := o.counted(ctx, r.Now)
	if err != nil {
		return nil, err
	}
	p, err := o.predictPeriod(ctx, r, r.Horizon.Window.Floor(counted), len(meters))
	if err != nil {
		return nil, err
	}
	if r.Service.ID == "" {
		if p.Month, _, err = o.month(ctx, r, invoq.Window1h.Floor(counted)); err != nil {
			return nil, err
		}
	}
	p.Confidence, err = o.confidence(ctx, r)
	return p, err
}

// counted returns until when usage is known. The last window that a run of the
// aggregation counts is the one it runs in: that one is not over.
func (o *Outlooks) counted(ctx context.Context, now time.Time) (time.Time, error) {
	until, err := o.db.CountedUntil(ctx)
	if err != nil {
		return until, err
	}
	if until.IsZero() {
		return until, invoq.Errorf(invoq.KindUnprocessable, "no usage has been counted yet")
	}
	until = until.Add(-invoq.Window5m.Duration())
	if until.After(now) {
		until = now
	}
	return until, nil
}

// predictPeriod predicts the period of the horizon that begins at an instant,
// with the components of the first meters.
func (o *Outlooks) predictPeriod(
	ctx context.Context, r Request, from time.Time, components int,
) (*Prediction, error) {
	q, err := o.ask(ctx, r, from, invoq.Interval{Start: from, End: from.Add(r.Horizon.Length)})
	if err != nil {
		return nil, err
	}
	p := &Prediction{Request: r, Period: q.period.Interval}
	if u := q.history.services[everything]; u != nil {
		p.scale = scale(u[0], q.steps)
	}
	if q.history.idle() {
		p.Warnings = append(p.Warnings, "nothing was used since "+r.Horizon.lookBack(from).Start.Format(time.RFC3339))
	}
	total, err := q.ahead(everything, components)
	if err != nil {
		return nil, err
	}
	p.Components = q.components(total[:components])
	estimate, err := q.estimate(total, invoq.Decimal{})
	if err != nil {
		return nil, err
	}
	p.Currency, p.Cost = estimate.Currency, q.amounts(estimate)
	p.Warnings = append(p.Warnings, q.warnings...)
	p.Warnings = append(p.Warnings, estimate.Warnings...)
	return p, nil
}

// month predicts the cost of the calendar month that contains the instant, from
// hours, whatever the horizon asked for is, and returns its currency.
func (o *Outlooks) month(
	ctx context.Context, r Request, from time.Time,
) (*Month, invoq.Currency, error) {
	zone, err := r.Tenant.Location()
	if err != nil {
		return nil, "", err
	}
	local := from.In(zone)
	r.Horizon = horizons[len(horizons)-1]
	q, err := o.ask(ctx, r, from, pricing.NewMonth(local.Year(), local.Month(), zone).Interval)
	if err != nil {
		return nil, "", err
	}
	total, err := q.ahead(everything, 0)
	if err != nil {
		return nil, "", err
	}
	estimate, err := q.estimate(total, r.Budget)
	if err != nil {
		return nil, "", err
	}
	return &Month{
		Period: q.period.Interval, SoFar: estimate.SoFar.Add(q.terms.Before), Cost: q.amounts(estimate),
		Crossing: estimate.Crossing, Warnings: append(q.warnings, estimate.Warnings...),
	}, estimate.Currency, nil
}
