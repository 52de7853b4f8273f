package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// Bounds are an expected value and what holds the real one with 80 and 95 %
// probability.
type Bounds[T any] struct{ Mean, Lo80, Hi80, Lo95, Hi95 T }

// Prediction is what was expected of a period.
type Prediction struct {
	ID      int64 // given by the database
	Tenant  invoq.TenantID
	Service invoq.ServiceID // empty: all of the tenant's
	Period  invoq.Interval  // as long as the horizon
	// MadeAt is the slot for which it was made.
	MadeAt       time.Time
	ModelVersion string
	Invocations  Bounds[float64]
	// Scale is the unit of the scaled error, in invocations; zero: there is none.
	Scale    float64
	Currency invoq.Currency
	Cost     Bounds[invoq.Decimal]
	// Confidence is the record when it was made, 0 to 1; nil: there was none.
	Confidence *float64
	// Actual is what came; nil while nobody knows.
	Actual *Actual
}

// Horizon is how long the period is.
func (p Prediction) Horizon() time.Duration { return p.Period.Duration() }

// Actual is what was used in a period, and what that costs.
type Actual struct {
	Invocations float64
	Cost        invoq.Decimal
	MeasuredAt  time.Time
}

// PutPrediction stores a prediction, and reports false where one of the same
// tenant, service, horizon and slot is stored already: that one stays.
func (db *DB) PutPrediction(ctx context.Context, s invoq.Scope, p Prediction) (bool, error) {
	stored := false
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO predictions (
				tenant_id, service_id, horizon_seconds, made_at, period_start, period_end, model_version,
				predicted_invocations, invocations_lo80, invocations_hi80, invocations_lo95,
				invocations_hi95, invocations_scale, currency,
				predicted_cost, cost_lo80, cost_hi80, cost_lo95, cost_hi95, confidence)
			VALUES (
				@tenant::uuid, nullif(@service, '')::uuid, @horizon, @made_at, @start, @end, @model,
				@n, @n_lo80, @n_hi80, @n_lo95, @n_hi95, nullif(@scale::float8, 0), @currency,
				@cost, @lo80, @hi80, @lo95, @hi95, @confidence)
			ON CONFLICT (tenant_id, service_id, horizon_seconds, made_at) DO NOTHING`, pgx.NamedArgs{
			"tenant": string(p.Tenant), "service": string(p.Service),
			"horizon": int(p.Horizon() / time.Second), "made_at": p.MadeAt,
			"start": p.Period.Start, "end": p.Period.End, "model": p.ModelVersion,
			"n": p.Invocations.Mean, "n_lo80": p.Invocations.Lo80, "n_hi80": p.Invocations.Hi80,
			"n_lo95": p.Invocations.Lo95, "n_hi95": p.Invocations.Hi95, "scale": p.Scale,
			"currency": p.Currency, "cost": p.Cost.Mean, "lo80": p.Cost.Lo80, "hi80": p.Cost.Hi80,
			"lo95": p.Cost.Lo95, "hi95": p.Cost.Hi95, "confidence": p.Confidence,
		})
		stored = tag.RowsAffected() == 1
		return err
	})
	return stored, wrap(err, "store prediction for tenant %q", p.Tenant)
}

const predictionColumns = `
	id, tenant_id::text, coalesce(service_id::text, ''), made_at, period_start, period_end, model_version,
	predicted_invocations, invocations_lo80, invocations_hi80, invocations_lo95, invocations_hi95,
	coalesce(invocations_scale, 0), currency, predicted_cost, cost_lo80, cost_hi80, cost_lo95, cost_hi95,
	confidence, actual_invocations, actual_cost, measured_at`

// scanPrediction reads a row of predictionColumns.
func scanPrediction(row pgx.CollectableRow) (Prediction, error) {
	var p Prediction
	var calls *float64
	var cost *invoq.Decimal
	var at *time.Time
	n, c := &p.Invocations, &p.Cost
	err := row.Scan(&p.ID, &p.Tenant, &p.Service, &p.MadeAt, &p.Period.Start, &p.Period.End, &p.ModelVersion,
		&n.Mean, &n.Lo80, &n.Hi80, &n.Lo95, &n.Hi95, &p.Scale, &p.Currency,
		&c.Mean, &c.Lo80, &c.Hi80, &c.Lo95, &c.Hi95, &p.Confidence, &calls, &cost, &at)
	p.MadeAt, p.Period.Start, p.Period.End = p.MadeAt.UTC(), p.Period.Start.UTC(), p.Period.End.UTC()
	if err == nil && at != nil {
		p.Actual = &Actual{Invocations: *calls, Cost: *cost, MeasuredAt: at.UTC()}
	}
	return p, err
}

// ListPredictions returns those of a tenant made at or after an instant, the
// newest first; Page.Limit bounds them.
func (db *DB) ListPredictions(
	ctx context.Context, s invoq.Scope, tenant invoq.TenantID, since time.Time, p invoq.Page,
) ([]Prediction, error) {
	return db.predictions(ctx, s, `
		WHERE tenant_id = $1::uuid AND made_at >= $2
		ORDER BY made_at DESC, horizon_seconds, id
		LIMIT $3`, string(tenant), since, p.Limit)
}

// DuePredictions returns, by id and from one id on, predictions whose period is
// over by an instant and of which nobody knows what came.
func (db *DB) DuePredictions(
	ctx context.Context, until time.Time, after int64, limit int,
) ([]Prediction, error) {
	return db.predictions(ctx, invoq.Everyone(), `
		WHERE measured_at IS NULL AND period_end <= $1 AND id > $2
		ORDER BY id
		LIMIT $3`, until, after, limit)
}

func (db *DB) predictions(
	ctx context.Context, s invoq.Scope, where string, args ...any,
) ([]Prediction, error) {
	var all []Prediction
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT `+predictionColumns+`
			FROM predictions
			`+where, args...)
		var err error
		all, err = pgx.CollectRows(rows, scanPrediction)
		return err
	})
	return all, wrap(err, "list predictions")
}

// MeasurePrediction stores what came of a prediction; what was measured stays.
func (db *DB) MeasurePrediction(ctx context.Context, s invoq.Scope, id int64, a Actual) error {
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE predictions
			SET actual_invocations = $2, actual_cost = $3, measured_at = $4
			WHERE id = $1 AND measured_at IS NULL`, id, a.Invocations, a.Cost, a.MeasuredAt)
		return err
	})
	return wrap(err, "measure prediction %d", id)
}

// DeletePredictions removes up to limit predictions of everybody that were made
// before an instant, and returns how many.
func (db *DB) DeletePredictions(ctx context.Context, before time.Time, limit int) (int64, error) {
	var n int64
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			DELETE FROM predictions
			WHERE id IN (
				SELECT id
				FROM predictions
				WHERE made_at < $1
				ORDER BY made_at
				LIMIT $2)`, before, limit)
		n = tag.RowsAffected()
		return err
	})
	return n, wrap(err, "remove predictions made before %s", before.UTC().Format(time.RFC3339))
}
