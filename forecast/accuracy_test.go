package forecast

import (
	"math"
	"testing"
)

// score is what a set of forecasts was worth.
type score struct {
	mase         float64 // mean absolute error over that of the in-sample copy
	cov95, cov80 float64 // share of values within the bounds, percent
	total        float64 // share of totals within their 95 % bounds, percent
}

// scored forecasts the last horizon of so many series and compares.
func scored(t *testing.T, compose func(int, uint64) []float64, n, period, horizon, count int) score {
	t.Helper()
	var s score
	for seed := range count {
		y := compose(n+horizon, uint64(seed))
		f, err := Run(Series{Values: y[:n], Period: period}, Options{Horizon: horizon})
		if err != nil {
			t.Fatal(err)
		}
		scale := meanChange(y[:n], max(1, period))
		for i, v := range y[n:] {
			s.mase += math.Abs(v-f.Mean[i]) / scale
			s.cov95 += 100 * within(v, f.Lo95[i], f.Hi95[i])
			s.cov80 += 100 * within(v, f.Lo80[i], f.Hi80[i])
		}
		total := f.Total(1)
		s.total += 100 * within(sumOf(y[n:]), total.Lo95, total.Hi95) / float64(count)
	}
	steps := float64(count * horizon)
	s.mase, s.cov95, s.cov80 = s.mase/steps, s.cov95/steps, s.cov80/steps
	return s
}

func within(v, lo, hi float64) float64 {
	if v >= lo && v <= hi {
		return 1
	}
	return 0
}

// The accuracy that the package has today on composed series, as a ratchet: the
// limits are what was measured plus a tenth, and the best that can be had where
// that is known. The error of the right model for days is 0.62 of the copy of
// yesterday; independent noise allows 1/√2.
func TestAccuracy(t *testing.T) {
	for _, c := range []struct {
		name               string
		compose            func(int, uint64) []float64
		n, period, horizon int
		mase               float64
	}{
		{"days", days, 600, 24, 48, 0.62},
		{"noise", noise, 200, 0, 12, 0.78},
		{"wander", wander, 200, 0, 12, 2.6},
		{"calls", calls, 480, 60, 60, 1},
		{"timer", timer, 280, 60, 60, 0},
	} {
		s := scored(t, c.compose, c.n, c.period, c.horizon, 60)
		t.Logf("%-7s MASE %.3f, 95 %%: %.1f, 80 %%: %.1f, total 95 %%: %.1f",
			c.name, s.mase, s.cov95, s.cov80, s.total)
		if s.mase > c.mase {
			t.Errorf("%s: MASE %.3f, at most %.3f", c.name, s.mase, c.mase)
		}
		// 60 series of one law: their coverage varies by some points.
		if s.cov95 < 90 || s.cov80 < 73 || s.total < 85 {
			t.Errorf("%s: intervals hold too little: %+v", c.name, s)
		}
		if s.mase > 0 && s.cov80 > 92 {
			t.Errorf("%s: intervals are too wide: %+v", c.name, s)
		}
	}
}
