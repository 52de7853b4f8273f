package outlook

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"invoq"
	"invoq/forecast"
	"invoq/postgres"
	"invoq/pricing"
)

// userSeries is what one user used and is billed, step by step until the
// forecasts begin.
type userSeries struct {
	from     time.Time
	step     time.Duration
	length   int // of each series: since the first use
	currency invoq.Currency
	billed   []float64
	meters   map[invoq.Meter][]float64
	unpriced map[invoq.Meter]bool
	warnings []string
}

// newUserSeries arranges entries as series. Money is that of the currency in
// which something was billed last: amounts of several do not add up.
func newUserSeries(from time.Time, step time.Duration, points []postgres.UserPoint) userSeries {
	u := userSeries{
		from: from, step: step,
		meters: map[invoq.Meter][]float64{}, unpriced: map[invoq.Meter]bool{},
	}
	if len(points) == 0 {
		return u
	}
	u.length = int(from.Sub(points[0].Start) / step)
	u.currency = points[len(points)-1].Currency
	for _, p := range slices.Backward(points) {
		if p.Billed != 0 {
			u.currency = p.Currency
			break
		}
	}
	u.billed = make([]float64, u.length)
	foreign := false
	for _, p := range points {
		at := int(p.Start.Sub(points[0].Start) / step)
		if u.meters[p.Meter] == nil {
			u.meters[p.Meter] = make([]float64, u.length)
		}
		u.meters[p.Meter][at] += p.Quantity
		u.unpriced[p.Meter] = u.unpriced[p.Meter] || p.Unpriced > 0
		if p.Currency == u.currency {
			u.billed[at] += p.Billed
		} else {
			foreign = foreign || p.Billed != 0
		}
	}
	if foreign {
		u.warnings = append(u.warnings,
			fmt.Sprintf("only what was billed in %s is in the cost", u.currency))
	}
	return u
}

// total forecasts the sum of a series over so many steps.
func (u *userSeries) total(values []float64, h Horizon) (forecast.Total, *forecast.Forecast, error) {
	f, err := forecast.Run(forecast.Series{
		Values: values, Period: h.cycles[0], Periods: h.cycles,
		Start: u.from.UnixNano()/int64(u.step) - int64(len(values)),
	}, forecast.Options{Horizon: int(h.Length / u.step)})
	if err != nil {
		return forecast.Total{}, nil, err
	}
	return f.Total(seed), f, nil
}

// PredictUser predicts what a user of the tenant will use and be billed: from
// the entries of the book, by the prices at which they were posted. Service and
// Budget of the request must be empty. It reads all entries of the tenant that
// are as young as the horizon's history. Errors are those of Predict.
func (o *Outlooks) PredictUser(
	ctx context.Context, r Request, user postgres.User,
) (*Prediction, error) {
	if r.Service.ID != "" || !r.Budget.IsZero() {
		return nil, invoq.Errorf(invoq.KindUnprocessable,
			"user_id goes with neither service_id nor budget")
	}
	counted, err := o.counted(ctx, r.Now)
	if err != nil {
		return nil, err
	}
	from, step := r.Horizon.Window.Floor(counted), r.Horizon.Window.Duration()
	points, err := o.db.UserSeries(ctx, invoq.Only(r.Tenant.ID), postgres.UserFilter{
		Tenant: r.Tenant.ID, User: user.ID, Interval: r.Horizon.lookBack(from), Step: step,
	})
	if err != nil {
		return nil, err
	}
	u := newUserSeries(from, step, points)
	p := &Prediction{
		Request: r, User: user, Period: invoq.Interval{Start: from, End: from.Add(r.Horizon.Length)},
		Currency: u.currency, Warnings: u.warnings,
		Confidence: Confidence{Meaning: "unknown: predictions for users are not recorded"},
	}
	if u.currency == "" {
		p.Currency = r.Tenant.Currency
	}
	return p, u.fill(p)
}

// fill puts the forecasts of cost and meters into a prediction.
func (u *userSeries) fill(p *Prediction) error {
	if u.length == 0 {
		p.Warnings = append(p.Warnings,
			"nothing was used since "+p.Horizon.lookBack(u.from).Start.Format(time.RFC3339))
		return nil
	}
	billed, f, err := u.total(u.billed, p.Horizon)
	if err != nil {
		return err
	}
	p.Warnings = append(p.Warnings, f.Warnings...)
	if p.Cost, err = amountsOf(billed, p.Currency); err != nil {
		return err
	}
	for _, m := range slices.Sorted(maps.Keys(u.meters)) {
		total, f, err := u.total(u.meters[m], p.Horizon)
		if err != nil {
			return err
		}
		p.Components = append(p.Components, Component{
			Meter: m, Total: total, Priced: !u.unpriced[m], Model: f.Model,
		})
		if u.unpriced[m] {
			p.Warnings = append(p.Warnings,
				fmt.Sprintf("%s: some of it has no price and is not in the cost", m))
		}
	}
	return nil
}

// amountsOf rounds a forecast of money to the currency's minor unit.
func amountsOf(t forecast.Total, c invoq.Currency) (Amounts, error) {
	digits, err := pricing.Digits(c)
	if err != nil {
		return Amounts{}, err
	}
	var a Amounts
	for _, one := range []struct {
		to *invoq.Decimal
		v  float64
	}{{&a.Expected, t.Mean}, {&a.Lo80, t.Lo80}, {&a.Hi80, t.Hi80}, {&a.Lo95, t.Lo95}, {&a.Hi95, t.Hi95}} {
		if *one.to, err = invoq.ParseDecimal(strconv.FormatFloat(one.v, 'f', int(digits), 64)); err != nil {
			return Amounts{}, fmt.Errorf("round a forecast of money: %w", err)
		}
	}
	return a, nil
}
