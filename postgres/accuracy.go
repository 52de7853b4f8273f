package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// Accuracy is how predictions of one horizon have done.
type Accuracy struct {
	Horizon time.Duration
	// Predictions are those stored, Measured those of which is known what came.
	// All other fields are of the latter, and nil without any.
	Predictions, Measured int
	Cost, Invocations     Hits
	// MASE is the mean absolute error of invocations, each scaled by how far the
	// totals of such periods lay apart before; below 1 is better than repeating the
	// last period. Nil where no prediction had such a scale.
	MASE *float64
	// From and Until are when the first and the last of them were made; zero
	// without any.
	From, Until time.Time
}

// Hits tell how often the bounds held, and which way the expected value erred.
type Hits struct {
	// In80 and In95 are the shares, 0 to 1, of real values within the bounds.
	In80, In95 *float64
	// Bias is the sum of errors (predicted − real) by the sum of real values; above
	// 0 is too high. Nil where the real values sum to 0.
	Bias *float64
}

// AccuracyQuery says whose record is read.
type AccuracyQuery struct {
	Tenant  invoq.TenantID
	Service invoq.ServiceID // empty: of the tenant as a whole
	// Since leaves out predictions made before.
	Since time.Time
}

// Accuracy returns a record by horizon, the shortest first.
func (db *DB) Accuracy(ctx context.Context, s invoq.Scope, q AccuracyQuery) ([]Accuracy, error) {
	var all []Accuracy
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, accuracy, string(q.Tenant), string(q.Service), q.Since)
		var err error
		all, err = pgx.CollectRows(rows, scanAccuracy)
		return err
	})
	return all, wrap(err, "read accuracy for tenant %q", q.Tenant)
}

func scanAccuracy(row pgx.CollectableRow) (Accuracy, error) {
	var a Accuracy
	var horizonSeconds int64
	var from, until *time.Time
	err := row.Scan(&horizonSeconds, &a.Predictions, &a.Measured,
		&a.Cost.In80, &a.Cost.In95, &a.Cost.Bias,
		&a.Invocations.In80, &a.Invocations.In95, &a.Invocations.Bias, &a.MASE, &from, &until)
	a.Horizon = time.Duration(horizonSeconds) * time.Second
	a.From, a.Until = orZero(from), orZero(until)
	return a, err
}

// accuracy leaves NULLs out of each mean: what is not measured is no miss.
const accuracy = `
	SELECT horizon_seconds, count(*), count(measured_at),
		avg((actual_cost BETWEEN cost_lo80 AND cost_hi80)::integer)::float8,
		avg((actual_cost BETWEEN cost_lo95 AND cost_hi95)::integer)::float8,
		(sum(predicted_cost - actual_cost) / nullif(sum(actual_cost), 0))::float8,
		avg((actual_invocations BETWEEN invocations_lo80 AND invocations_hi80)::integer)::float8,
		avg((actual_invocations BETWEEN invocations_lo95 AND invocations_hi95)::integer)::float8,
		sum(predicted_invocations - actual_invocations) / nullif(sum(actual_invocations), 0),
		avg(abs(predicted_invocations - actual_invocations) / invocations_scale),
		min(made_at) FILTER (WHERE measured_at IS NOT NULL),
		max(made_at) FILTER (WHERE measured_at IS NOT NULL)
	FROM predictions
	WHERE tenant_id = $1::uuid AND service_id IS NOT DISTINCT FROM nullif($2, '')::uuid
		AND made_at >= $3
	GROUP BY horizon_seconds
	ORDER BY horizon_seconds`
