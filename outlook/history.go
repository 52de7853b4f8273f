package outlook

import (
	"math"
	"time"

	"invoq"
	"invoq/forecast"
	"invoq/postgres"
)

// meters are those of functions, in the order of postgres.SeriesPoint.
var meters = invoq.Meters()

// everything stands for all services together.
const everything invoq.ServiceID = ""

// use is what something used, a series a meter, all as long and equally spaced;
// it ends where forecasts begin.
type use [][]float64

// history is what a tenant used.
type history struct {
	horizon Horizon
	from    time.Time // where it ends and forecasts begin
	// services are the uses kept apart, if any, and the sum under everything. Each
	// begins with the first window in which it used something.
	services map[invoq.ServiceID]use
}

// newHistory arranges windows as series. A window that is not there is one in
// which nothing was used.
func newHistory(h Horizon, from time.Time, points []postgres.SeriesPoint) history {
	all := history{horizon: h, from: from, services: map[invoq.ServiceID]use{}}
	for i := range points {
		all.add(everything, &points[i])
		if points[i].Service != everything {
			all.add(points[i].Service, &points[i])
		}
	}
	return all
}

// add adds a window to a series; points come in order of time, so the first one
// decides where it begins.
func (h *history) add(service invoq.ServiceID, p *postgres.SeriesPoint) {
	back := int(h.from.Sub(p.Start) / h.horizon.Window.Duration())
	u := h.services[service]
	if u == nil {
		u = make(use, len(meters))
		for m := range u {
			u[m] = make([]float64, back)
		}
		h.services[service] = u
	}
	for m := range u {
		u[m][len(u[m])-back] += p.Values[m]
	}
}

// idle reports whether nothing was used at all.
func (h *history) idle() bool { return len(h.services) == 0 }

// ahead forecasts the wanted meters of a use; those never used have none. Fits
// are taken from and kept in known; nil: everything is fitted anew.
func (h *history) ahead(
	known *fits, of fitKey, steps int, wanted []bool,
) ([]*forecast.Forecast, error) {
	all := make([]*forecast.Forecast, len(meters))
	step := h.horizon.Window.Duration()
	for m, values := range h.services[of.service] {
		if !wanted[m] || isZero(values) {
			continue
		}
		of.meter = meters[m]
		f, err := known.forecast(of, h.from, steps, forecast.Series{
			Values: values, Period: h.horizon.cycles[0], Periods: h.horizon.cycles,
			Start: h.from.UnixNano()/int64(step) - int64(len(values)),
		})
		if err != nil {
			return nil, err
		}
		all[m] = f
	}
	return all, nil
}

func isZero(values []float64) bool {
	for _, v := range values {
		if v != 0 {
			return false
		}
	}
	return true
}

// scale returns how far the totals of the horizon lay apart from one period to
// the next: the mean absolute error in the sample of repeating the last one
// (Hyndman & Koehler 2006, equation 3, on totals). Zero if there are not two
// whole periods, or all were the same.
func scale(values []float64, steps int) float64 {
	var sum, last float64
	n := 0
	for end := len(values); end >= steps; end -= steps {
		total := 0.0
		for _, v := range values[end-steps : end] {
			total += v
		}
		if n > 0 {
			sum += math.Abs(total - last)
		}
		last = total
		n++
	}
	if n < 2 {
		return 0
	}
	return sum / float64(n-1)
}
