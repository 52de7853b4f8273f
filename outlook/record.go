package outlook

import (
	"context"
	"fmt"
	"math"
	"time"

	"invoq"
	"invoq/postgres"
)

const (
	// recordTime is how far back the record of predictions goes.
	recordTime = 90 * day
	// minRecord is how many predictions must have been measured before their share
	// says anything: with 20, one more or less moves it by 5 %.
	minRecord = 20
)

// Confidence is how well predictions such as this one have held.
type Confidence struct {
	// Value is the share, 0 to 1, of past predictions whose later cost lay within
	// the 80 % bounds; nil: there is no record yet.
	Value *float64
	// Measured is how many predictions it rests on.
	Measured int
	// Meaning says so in words.
	Meaning string
}

// Accuracy returns the record of the request's tenant, or of its service, by
// horizon, the shortest first: of all predictions of the 90 days before Now.
// Horizons never predicted are not in it.
func (o *Outlooks) Accuracy(
	ctx context.Context, s invoq.Scope, r Request,
) ([]postgres.Accuracy, error) {
	return o.db.Accuracy(ctx, s, postgres.AccuracyQuery{
		Tenant: r.Tenant.ID, Service: r.Service.ID, Since: r.Now.Add(-recordTime),
	})
}

// confidence reads a request's confidence off the record.
func (o *Outlooks) confidence(ctx context.Context, r Request) (Confidence, error) {
	all, err := o.Accuracy(ctx, invoq.Only(r.Tenant.ID), r)
	if err != nil {
		return Confidence{}, err
	}
	var record postgres.Accuracy
	for _, a := range all {
		if a.Horizon == r.Horizon.Length {
			record = a
		}
	}
	return confidenceOf(r.Horizon, record), nil
}

// confidenceOf says what a record means.
func confidenceOf(h Horizon, record postgres.Accuracy) Confidence {
	c := Confidence{Measured: record.Measured}
	if record.Measured < minRecord || record.Cost.In80 == nil {
		c.Meaning = fmt.Sprintf("unknown: of the predictions over %s, %d have been measured so far, "+
			"and it takes %d to tell", h.Name, record.Measured, minRecord)
		return c
	}
	c.Value = record.Cost.In80
	c.Meaning = fmt.Sprintf("of %d past predictions over %s like this one, %.0f %% had a cost within "+
		"the 80 %% bounds", record.Measured, h.Name, math.Round(*c.Value*100))
	if h.Length > time.Hour {
		c.Meaning += "; their periods overlap, so there are fewer independent ones"
	}
	return c
}
