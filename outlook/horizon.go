package outlook

import (
	"time"

	"invoq"
)

// Horizon is how far ahead a prediction looks. Only those of Horizons are valid.
type Horizon struct {
	// Name is 1h, 1d, 1w or 30d.
	Name   string
	Length time.Duration
	// Window is the step of the series that is forecast.
	Window invoq.WindowSize
	// history is how many windows are looked at, at most, and cycles the lengths of
	// their cycles.
	history int
	cycles  []int
}

const (
	day = 24 * time.Hour
	// historySteps are a week of five-minute windows, or twelve weeks of hours.
	historySteps = 2016
)

// horizons are the known ones, the shortest first.
var horizons = []Horizon{
	{"1h", time.Hour, invoq.Window5m, historySteps, []int{288, 12}},
	{"1d", day, invoq.Window1h, historySteps, []int{24, 168}},
	{"1w", 7 * day, invoq.Window1h, historySteps, []int{24, 168}},
	{"30d", 30 * day, invoq.Window1h, historySteps, []int{24, 168}},
}

// Horizons returns all horizons, the shortest first.
func Horizons() []Horizon { return append([]Horizon(nil), horizons...) }

// ParseHorizon reads 1h, 1d, 1w or 30d. Errors are of KindUnprocessable.
func ParseHorizon(name string) (Horizon, error) {
	for _, h := range horizons {
		if h.Name == name {
			return h, nil
		}
	}
	return Horizon{}, invoq.Errorf(invoq.KindUnprocessable, "period %q is not 1h, 1d, 1w or 30d", name)
}

// NameOf returns what the horizon of a length is called.
func NameOf(length time.Duration) string {
	for _, h := range horizons {
		if h.Length == length {
			return h.Name
		}
	}
	return length.String()
}

// lookBack returns the interval of history before an instant.
func (h Horizon) lookBack(from time.Time) invoq.Interval {
	return invoq.Interval{Start: from.Add(-time.Duration(h.history) * h.Window.Duration()), End: from}
}
