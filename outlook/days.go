package outlook

import (
	"context"
	"maps"
	"slices"
	"sync"
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

// Ahead is what a tenant's calendar month is expected to bring. Its slices are
// shared: they are read, never changed.
type Ahead struct {
	// Days are those from today on, in the tenant's zone; none where nothing was
	// used or counted.
	Days []Day
	// Month is the cost of the whole month; nil where there are no days or no plan
	// prices them.
	Month    *Month
	Currency invoq.Currency // of Month

	from time.Time // where the counted hours end
}

// Ahead predicts the tenant's month. It is computed when it is asked for first
// after another hour was counted, and kept until the next is.
func (o *Outlooks) Ahead(ctx context.Context, t invoq.Tenant, now time.Time) (Ahead, error) {
	counted, err := o.counted(ctx, now)
	if err != nil {
		if invoq.KindOf(err) == invoq.KindUnprocessable {
			return Ahead{}, nil
		}
		return Ahead{}, err
	}
	from := invoq.Window1h.Floor(counted)
	if a, ok := o.kept.find(t, from); ok {
		return a, nil
	}
	a := Ahead{from: from}
	if a.Days, err = o.days(ctx, t, from); err != nil || len(a.Days) == 0 {
		return a, err
	}
	r := Request{Tenant: t, Now: now}
	switch a.Month, a.Currency, err = o.month(ctx, r, from); invoq.KindOf(err) {
	case "":
	case invoq.KindUnprocessable, invoq.KindNotFound: // No plan: days have no price.
		a.Month = nil
	default:
		return Ahead{}, err
	}
	o.kept.keep(t, a)
	return a, nil
}

// maxAheads bounds how many tenants' months are kept, each of some 4 kB.
const maxAheads = 10_000

// aheads keeps the latest month of each tenant.
type aheads struct {
	mu  sync.Mutex
	all map[aheadKey]Ahead
}

// aheadKey is what a month rests on beside its usage.
type aheadKey struct {
	tenant   invoq.TenantID
	timezone string
}

// find returns the month that was made for the hours until an instant.
func (k *aheads) find(t invoq.Tenant, from time.Time) (Ahead, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a, ok := k.all[aheadKey{t.ID, t.Timezone}]
	return a, ok && a.from.Equal(from)
}

// keep replaces a tenant's month. When there is no room, those of past hours go.
func (k *aheads) keep(t invoq.Tenant, a Ahead) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) >= maxAheads {
		maps.DeleteFunc(k.all, func(_ aheadKey, old Ahead) bool { return old.from.Before(a.from) })
	}
	if len(k.all) < maxAheads {
		k.all[aheadKey{t.ID, t.Timezone}] = a
	}
}

// days predicts each day of the month that contains from.
func (o *Outlooks) days(ctx context.Context, t invoq.Tenant, from time.Time) ([]Day, error) {
	zone, err := t.Location()
	if err != nil {
		return nil, err
	}
	h := horizons[len(horizons)-1]
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
