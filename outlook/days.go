package outlook

import (
	"context"
	"slices"
	"time"

	"invoq"
	"invoq/forecast"
	"invoq/postgres"
	"invoq/pricing"
)

// dayPaths is how many futures the bounds of days rest on.
const dayPaths = 500

// Day is a calendar day that is not over: how many invocations it will have had
// when it is, those already counted among them.
type Day struct {
	Day         invoq.Date
	Invocations forecast.Total
}

// Days predicts each day of the tenant's calendar month from today on, in its own
// zone. None where nothing was used or counted.
func (o *Outlooks) Days(ctx context.Context, t invoq.Tenant, now time.Time) ([]Day, error) {
	counted, err := o.counted(ctx, now)
	if err != nil {
		if invoq.KindOf(err) == invoq.KindUnprocessable {
			return nil, nil
		}
		return nil, err
	}
	zone, err := t.Location()
	if err != nil {
		return nil, err
	}
	h := horizons[len(horizons)-1]
	from := h.Window.Floor(counted)
	points, err := o.db.UsageSeries(ctx, invoq.Only(t.ID), postgres.SeriesFilter{
		Tenant: t.ID, Interval: h.lookBack(from), Window: h.Window,
	})
	if err != nil {
		return nil, err
	}
	u := newHistory(h, from, points)
	if u.idle() {
		return nil, nil
	}
	local := from.In(zone)
	end := pricing.NewMonth(local.Year(), local.Month(), zone).End
	f, err := forecast.Run(forecast.Series{
		Values: u.services[everything][0], Period: h.cycles[0], Periods: h.cycles,
	}, forecast.Options{Horizon: max(1, int(end.Sub(from)/time.Hour))})
	if err != nil {
		return nil, err
	}
	return daysOf(f, u.services[everything][0], from, zone), nil
}

// daysOf sums the hours of a forecast, and those counted since midnight, by day.
func daysOf(f *forecast.Forecast, past []float64, from time.Time, zone *time.Location) []Day {
	var days []Day
	var of []int // the day of each step
	for step := range f.Mean {
		date := invoq.DateOf(from.Add(time.Duration(step)*time.Hour), zone)
		if len(days) == 0 || days[len(days)-1].Day != date {
			days = append(days, Day{Day: date})
		}
		of = append(of, len(days)-1)
	}
	today := 0.0
	for back := 1; back <= len(past); back++ {
		if invoq.DateOf(from.Add(-time.Duration(back)*time.Hour), zone) != days[0].Day {
			break
		}
		today += past[len(past)-back]
	}
	sum := func(path []float64) []float64 {
		sums := make([]float64, len(days))
		sums[0] = today
		for step, v := range path {
			sums[of[step]] += v
		}
		return sums
	}
	mean := sum(f.Mean)
	futures := make([][]float64, 0, dayPaths)
	for _, path := range f.Paths(dayPaths, seed) {
		futures = append(futures, sum(path))
	}
	column := make([]float64, len(futures))
	for d := range days {
		for i := range futures {
			column[i] = futures[i][d]
		}
		days[d].Invocations = boundsOf(column, mean[d])
	}
	return days
}

// boundsOf sorts values and reads the bounds off them; the mean lies within.
func boundsOf(values []float64, mean float64) forecast.Total {
	slices.Sort(values)
	last := len(values) - 1
	low := func(perMille int) float64 { return min(mean, values[last*perMille/1000]) }
	high := func(perMille int) float64 { return max(mean, values[last-last*(1000-perMille)/1000]) }
	return forecast.Total{Mean: mean, Lo80: low(100), Hi80: high(900), Lo95: low(25), Hi95: high(975)}
}
