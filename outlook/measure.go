package outlook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// dueBatch is how many predictions are measured at a time.
const dueBatch = 500

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
		due, err := k.db.DuePredictions(ctx, counted.Add(-k.cfg.Grace), after, dueBatch)
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
	period := pricing.Period{Interval: p.Period, Zone: zone}
	var service invoq.Service
	a := postgres.Actual{MeasuredAt: slot}
	if p.Service == "" {
		a.Cost, err = k.biller.Cost(ctx, t, period)
	} else if service, err = k.db.FindService(ctx, only, p.Tenant, string(p.Service)); err == nil {
		a.Cost, err = k.biller.Added(ctx, t, period, service)
	}
	if err != nil {
		return err
	}
	usage, err := k.db.SumSpans(ctx, only, []postgres.Span{{Tenant: p.Tenant, Interval: p.Period}})
	if err != nil {
		return err
	}
	for _, u := range usage[0] {
		if p.Service == "" || u.Service == service.Name && u.Namespace == service.Namespace {
			a.Invocations += u.Invocations.Float()
		}
	}
	return k.db.MeasurePrediction(ctx, only, p.ID, a)
}
