package outlook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// dueBatch is how many predictions are measured at a time.
const dueBatch = 500

// Keeper stores a prediction of each horizon for every tenant that uses
// something, and measures those whose period is over.
type Keeper struct {
	*Outlooks
	// grace is how long after its end a period is still counted.
	grace time.Duration
	log   *slog.Logger
}

// NewKeeper returns a keeper. Grace is how late samples may be: no prediction is
// measured before.
func NewKeeper(o *Outlooks, grace time.Duration, log *slog.Logger) *Keeper {
	own := *o
	own.fits = &fits{all: map[fitKey]fit{}}
	return &Keeper{Outlooks: &own, grace: grace, log: log}
}

// Kept is what a run has done.
type Kept struct {
	Stored, Measured int
	// Passed are tenants over which the run went: no plan prices them, or they
	// have used nothing.
	Passed int
}

// Run does the work of a slot. Running it again stores nothing twice.
func (k *Keeper) Run(ctx context.Context, slot time.Time) (Kept, error) {
	var done Kept
	k.fits.forget(slot)
	measured, err := k.measure(ctx, slot)
	done.Measured = measured
	errs := []error{err}
	page := invoq.Page{Limit: invoq.MaxPageSize}
	for {
		tenants, err := k.db.ListTenants(ctx, invoq.Everyone(), page)
		if err != nil {
			return done, errors.Join(append(errs, err)...)
		}
		for _, t := range tenants {
			if ctx.Err() != nil {
				return done, errors.Join(append(errs, ctx.Err())...)
			}
			stored, err := k.keep(ctx, t, slot)
			done.Stored += stored
			switch invoq.KindOf(err) {
			case "":
			case invoq.KindUnprocessable, invoq.KindNotFound:
				done.Passed++ // Its page says why it has no price.
			default:
				errs = append(errs, fmt.Errorf("predict for tenant %q: %w", t.Name, err))
			}
		}
		if len(tenants) < page.Limit {
			break
		}
		page.After = string(tenants[len(tenants)-1].Name)
	}
	k.log.Debug("kept predictions", "stored", done.Stored, "measured", done.Measured, "passed", done.Passed)
	return done, errors.Join(errs...)
}

// errIdle means that there is nothing to predict from.
var errIdle = invoq.Errorf(invoq.KindUnprocessable, "the tenant has used nothing")

// keep stores a tenant's predictions of a slot that are not stored yet.
func (k *Keeper) keep(ctx context.Context, t invoq.Tenant, slot time.Time) (int, error) {
	counted, err := k.counted(ctx, slot)
	if err != nil {
		return 0, err
	}
	have, err := k.db.ListPredictions(ctx, invoq.Only(t.ID), t.ID, slot, invoq.Page{Limit: invoq.MaxPageSize})
	if err != nil {
		return 0, err
	}
	known := map[time.Duration]bool{}
	for _, p := range have {
		known[p.Horizon()] = known[p.Horizon()] || p.MadeAt.Equal(slot) && p.Service == ""
	}
	stored := 0
	for _, h := range horizons {
		if known[h.Length] {
			continue
		}
		r := Request{Tenant: t, Horizon: h, Now: slot}
		p, err := k.predictPeriod(ctx, r, h.Window.Floor(counted), 1)
		if err != nil {
			return stored, err
		}
		if p.Invocations().Model == "" {
			return stored, errIdle
		}
		if p.Confidence, err = k.confidence(ctx, r); err != nil {
			return stored, err
		}
		is, err := k.db.PutPrediction(ctx, invoq.Only(t.ID), p.record(slot))
		if err != nil {
			return stored, err
		}
		if is {
			stored++
		}
	}
	return stored, nil
}

// record gives a prediction the form in which it is kept.
func (p *Prediction) record(slot time.Time) postgres.Prediction {
	n, c := p.Invocations(), p.Cost
	return postgres.Prediction{
		Tenant: p.Tenant.ID, Period: p.Period, MadeAt: slot, ModelVersion: ModelVersion,
		Invocations: postgres.Bounds[float64]{
			Mean: n.Mean, Lo80: n.Lo80, Hi80: n.Hi80, Lo95: n.Lo95, Hi95: n.Hi95,
		},
		Scale: p.scale, Currency: p.Currency,
		Cost: postgres.Bounds[invoq.Decimal]{
			Mean: c.Expected, Lo80: c.Lo80, Hi80: c.Hi80, Lo95: c.Lo95, Hi95: c.Hi95,
		},
		Confidence: p.Confidence.Value,
	}
}

// measure fills in what came of predictions whose period is closed.
func (k *Keeper) measure(ctx context.Context, slot time.Time) (int, error) {
	counted, err := k.counted(ctx, slot)
	if invoq.KindOf(err) == invoq.KindUnprocessable {
		return 0, nil // Nothing is counted, so nothing is over.
	}
	if err != nil {
		return 0, err
	}
	var errs []error
	tenants := map[invoq.TenantID]invoq.Tenant{}
	measured, after := 0, int64(0)
	for {
		due, err := k.db.DuePredictions(ctx, counted.Add(-k.grace), after, dueBatch)
		if err != nil {
			return measured, errors.Join(append(errs, err)...)
		}
		for _, p := range due {
			after = p.ID
			switch err := k.measureOne(ctx, p, tenants, slot); invoq.KindOf(err) {
			case "":
				measured++
			case invoq.KindUnprocessable, invoq.KindNotFound:
				// No plan prices the period any more: it may again.
			default:
				errs = append(errs, fmt.Errorf("measure prediction %d: %w", p.ID, err))
			}
		}
		if len(due) < dueBatch {
			return measured, errors.Join(errs...)
		}
	}
}

// measureOne stores what came of one prediction.
func (k *Keeper) measureOne(
	ctx context.Context, p postgres.Prediction, tenants map[invoq.TenantID]invoq.Tenant, slot time.Time,
) error {
	only := invoq.Only(p.Tenant)
	t, known := tenants[p.Tenant]
	if !known {
		var err error
		if t, err = k.db.FindTenant(ctx, only, string(p.Tenant)); err != nil {
			return err
		}
		tenants[p.Tenant] = t
	}
	zone, err := t.Location()
	if err != nil {
		return err
	}
	a := postgres.Actual{MeasuredAt: slot}
	if a.Cost, err = k.biller.Cost(ctx, t, pricing.Period{Interval: p.Period, Zone: zone}); err != nil {
		return err
	}
	usage, err := k.db.SumSpans(ctx, only, []postgres.Span{{Tenant: p.Tenant, Interval: p.Period}})
	if err != nil {
		return err
	}
	for _, u := range usage[0] {
		a.Invocations += u.Invocations.Float()
	}
	return k.db.MeasurePrediction(ctx, only, p.ID, a)
}
