package outlook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"invoq"
	"invoq/postgres"
)

// KeeperConfig says what a keeper stores and for how long.
type KeeperConfig struct {
	// Grace is how long after its end a period is still counted: as late as samples
	// may be. No prediction is measured before.
	Grace time.Duration
	// Retention is how long predictions are kept, at least the 90 days of the record
	// and the longest horizon: MinRetention.
	Retention time.Duration
	// Services is how many services of a tenant, the busiest, have predictions of
	// their own, from 0 to MaxKept. Each costs as much as the tenant does.
	Services int
}

// MaxKept is the most services of a tenant with predictions of their own, and
// MinRetention the least time for which predictions are kept.
const (
	MaxKept      = 100
	MinRetention = recordTime + 30*day
)

// DefaultKeeperConfig keeps a year, and the five busiest services.
func DefaultKeeperConfig() KeeperConfig {
	return KeeperConfig{Grace: 2 * time.Hour, Retention: 365 * day, Services: 5}
}

// Validate returns an error of KindUnprocessable for settings without sense.
func (c KeeperConfig) Validate() error {
	switch {
	case c.Grace < 0:
		return invoq.Errorf(invoq.KindUnprocessable, "grace %s is negative", c.Grace)
	case c.Retention < MinRetention:
		return invoq.Errorf(invoq.KindUnprocessable,
			"predictions are kept at least %s, not %s", MinRetention, c.Retention)
	case c.Services < 0 || c.Services > MaxKept:
		return invoq.Errorf(invoq.KindUnprocessable,
			"%d services are not between 0 and %d", c.Services, MaxKept)
	}
	return nil
}

// Keeper stores a prediction of each horizon for every tenant that uses
// something and for its busiest services, measures those whose period is over,
// and removes those that are too old.
type Keeper struct {
	*Outlooks
	cfg KeeperConfig
	log *slog.Logger
}

// NewKeeper returns a keeper. Errors are those of KeeperConfig.Validate.
func NewKeeper(o *Outlooks, cfg KeeperConfig, log *slog.Logger) (*Keeper, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	own := *o
	own.fits = &fits{all: map[fitKey]fit{}}
	return &Keeper{Outlooks: &own, cfg: cfg, log: log}, nil
}

// Kept is what a run has done.
type Kept struct {
	Stored, Measured int
	// Removed were too old.
	Removed int64
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
	done.Removed, err = k.prune(ctx, slot)
	errs = append(errs, err)
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
	k.log.Debug("kept predictions", "stored", done.Stored, "measured", done.Measured,
		"passed", done.Passed, "removed", done.Removed)
	return done, errors.Join(errs...)
}

// errIdle means that there is nothing to predict from.
var errIdle = invoq.Errorf(invoq.KindUnprocessable, "the tenant has used nothing")

// pruneBatch is how many predictions are removed in one transaction.
const pruneBatch = 10_000

// prune removes what was made longer ago than predictions are kept.
func (k *Keeper) prune(ctx context.Context, slot time.Time) (int64, error) {
	removed := int64(0)
	for {
		n, err := k.db.DeletePredictions(ctx, slot.Add(-k.cfg.Retention), pruneBatch)
		removed += n
		if err != nil || n < pruneBatch {
			return removed, err
		}
	}
}

// keptKey tells a tenant's predictions of a slot apart.
type keptKey struct {
	service invoq.ServiceID
	horizon time.Duration
}

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
	known := map[keptKey]bool{}
	for _, p := range have {
		if p.MadeAt.Equal(slot) {
			known[keptKey{p.Service, p.Horizon()}] = true
		}
	}
	services, err := k.services(ctx, t, counted)
	if err != nil {
		return 0, err
	}
	stored := 0
	for _, h := range horizons {
		for _, s := range services {
			if known[keptKey{s.ID, h.Length}] {
				continue
			}
			is, err := k.keepOne(ctx, Request{Tenant: t, Service: s, Horizon: h, Now: slot}, counted)
			if err != nil {
				return stored, err
			}
			if is {
				stored++
			}
		}
	}
	return stored, nil
}

// services are those with predictions of their own, after the zero one, which
// stands for all of the tenant's.
func (k *Keeper) services(
	ctx context.Context, t invoq.Tenant, counted time.Time,
) ([]invoq.Service, error) {
	all := []invoq.Service{{}}
	if k.cfg.Services == 0 {
		return all, nil
	}
	week := invoq.Interval{Start: counted.Add(-7 * day), End: counted}
	busy, err := k.db.BusiestServices(ctx, invoq.Only(t.ID), t.ID, week, k.cfg.Services)
	return append(all, busy...), err
}

// keepOne makes and stores a prediction, and reports whether it was new. Nothing
// used is errIdle of a tenant, and nothing to store of a service.
func (k *Keeper) keepOne(ctx context.Context, r Request, counted time.Time) (bool, error) {
	p, err := k.predictPeriod(ctx, r, r.Horizon.Window.Floor(counted), 1)
	switch {
	case err != nil:
		return false, err
	case p.Invocations().Model == "" && r.Service.ID == "":
		return false, errIdle
	case p.Invocations().Model == "":
		return false, nil
	}
	if p.Confidence, err = k.confidence(ctx, r); err != nil {
		return false, err
	}
	return k.db.PutPrediction(ctx, invoq.Only(r.Tenant.ID), p.record(r.Now))
}

// record gives a prediction the form in which it is kept.
func (p *Prediction) record(slot time.Time) postgres.Prediction {
	n, c := p.Invocations(), p.Cost
	return postgres.Prediction{
		Tenant: p.Tenant.ID, Service: p.Service.ID, Period: p.Period, MadeAt: slot,
		ModelVersion: ModelVersion,
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
