package forecast

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// bursts is a short history of hours: mostly nothing, sometimes many calls.
func bursts(n, gap, most int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 5))
	y := make([]float64, n)
	for t := range y {
		if r.IntN(gap) == 0 {
			y[t] = float64(1 + r.IntN(most))
		}
	}
	return y
}

// meanOfPaths fails unless sums of many paths have the mean of the forecast,
// but for chance, and that mean lies within the bounds of the total. Calls rarer
// than paths are not held against them: top is the largest value of the history.
// Paths deviate by at most tails times what the bounds support.
func meanOfPaths(t interface{ Fatalf(string, ...any) }, f *Forecast, top, tails float64, seed uint64) {
	const n = 1000
	sum, square := 0.0, 0.0
	for _, p := range f.Paths(n, seed) {
		s := sumOf(p)
		sum, square = sum+s, square+s*s
	}
	mean, want := sum/n, sumOf(f.Mean)
	deviation := math.Sqrt(math.Max(0, square/n-mean*mean))
	// Five standard errors, the linear pieces that stand for the law, and a few
	// calls more or less where hardly a path has one.
	if slack := 5*deviation/math.Sqrt(n) + 0.01*math.Abs(want) + 5*top/n; math.Abs(mean-want) > slack {
		t.Fatalf("paths sum up to %v, the forecast to %v: more than %v apart", mean, want, slack)
	}
	total := f.Total(seed)
	if slack := 0.05*math.Abs(want) + 5*top/n; want < total.Lo80-slack || want > total.Hi80+slack {
		t.Fatalf("the mean %v is not within %+v", want, total)
	}
	if scale := math.Max(math.Abs(want), total.Hi95-total.Lo95) + top; deviation > tails*scale {
		t.Fatalf("paths deviate by %v, which %+v does not support", deviation, total)
	}
}

// largest is the largest size of the values that were observed.
func largest(y []float64) float64 {
	top := 0.0
	for _, v := range y {
		if !math.IsNaN(v) {
			top = math.Max(top, math.Abs(v))
		}
	}
	return top
}

// A month ahead of a few days with bursts: one fold or two tell the variance,
// and its law has no mean unless it is cut off.
func TestPathsOfSparseHistoryKeepTheMean(t *testing.T) {
	for seed := range uint64(24) {
		y := bursts(48+3*int(seed), 6, 60, seed)
		f := run(t, Series{Values: y, Period: 24, Periods: []int{24, 168}}, Options{Horizon: 720})
		meanOfPaths(t, f, largest(y), 1, seed)
	}
}

// Whatever the history, sample paths and the forecast tell the same mean. One
// path in forty is beyond the bounds and may be so by far, yet not by orders of
// magnitude.
func TestPathsKeepTheMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySeries(t)
		if rapid.Bool().Draw(t, "sparse") {
			n, seed := rapid.IntRange(2, 150).Draw(t, "length"), rapid.Uint64().Draw(t, "of bursts")
			most := rapid.IntRange(1, 500).Draw(t, "most")
			s.Values = bursts(n, rapid.IntRange(1, 30).Draw(t, "gap"), most, seed)
		}
		f := run(t, s, Options{Horizon: rapid.SampledFrom([]int{1, 24, 168, 720}).Draw(t, "horizon")})
		meanOfPaths(t, f, largest(s.Values), 3, rapid.Uint64().Draw(t, "luck"))
	})
}
