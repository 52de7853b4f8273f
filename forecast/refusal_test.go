package forecast

import (
	"strings"
	"testing"

	"invoq"
)

// A request without sense is refused by its kind; one that is merely poor is
// answered with a warning.
func TestRefusals(t *testing.T) {
	good := Series{Values: []float64{1, 2, 3}}
	f := func(what string, s Series, o Options, want invoq.Kind) {
		t.Helper()
		if _, err := Run(s, o); invoq.KindOf(err) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	f("no horizon", good, Options{}, invoq.KindUnprocessable)
	f("endless horizon", good, Options{Horizon: MaxHorizon + 1}, invoq.KindUnprocessable)
	f("negative period", Series{Period: -1}, Options{Horizon: 1}, invoq.KindUnprocessable)
	f("negative cycle", Series{Periods: []int{7, -1}}, Options{Horizon: 1}, invoq.KindUnprocessable)
	f("long history", Series{Values: make([]float64, MaxHistory+1)}, Options{Horizon: 1},
		invoq.KindTooLarge)
	f("unknown method", good, Options{Horizon: 1, Methods: []Method{"crystal ball"}},
		invoq.KindUnprocessable)
	if _, err := Refresh(good, State{Version: stateVersion + 1, Horizon: 1}); invoq.KindOf(err) !=
		invoq.KindConflict {
		t.Errorf("state of another version: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	f := func(s Series, horizon int, want string) {
		t.Helper()
		forecast, err := Run(s, Options{Horizon: horizon})
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(forecast.Warnings, "; "); !strings.Contains(all, want) {
			t.Errorf("warnings %q, want %q", all, want)
		}
	}
	nan := []float64{0, 1}
	nan[0] /= nan[0]
	f(Series{}, 1, "no value was observed")
	f(Series{Values: []float64{4}}, 1, "one value is all that is known")
	f(Series{Values: []float64{4, 4}}, 1, "all values are equal")
	f(Series{Values: nan}, 1, "the first 1 values are missing")
	f(Series{Values: []float64{1, 2, 3}}, 1, "too few to validate")
	f(Series{Values: days(40, 1), Period: 24}, 1, "less than two cycles of 24")
	f(Series{Values: days(60, 1), Period: 24}, 50, "long for this history")
}
