package forecast

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anySeries draws short series of several kinds.
func anySeries(t *rapid.T) Series {
	n := rapid.IntRange(1, 150).Draw(t, "n")
	seed := rapid.Uint64().Draw(t, "seed")
	kinds := []func(int, uint64) []float64{days, wander, noise, calls, timer}
	kind := rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")
	s := Series{Values: kinds[kind](n, seed)}
	s.Period = rapid.SampledFrom([]int{0, 1, 7, 12, 24, 60}).Draw(t, "period")
	for range rapid.IntRange(0, 3).Draw(t, "gaps") {
		s.Values[rapid.IntRange(0, n-1).Draw(t, "gap")] = math.NaN()
	}
	return s
}

func run(t interface{ Fatal(...any) }, s Series, o Options) *Forecast {
	f, err := Run(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Bands lie around each other and the mean, of each step and of the total; all
// is finite; nothing that was never negative becomes so.
func TestBandsAreOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySeries(t)
		f := run(t, s, Options{Horizon: rapid.IntRange(1, 40).Draw(t, "horizon")})
		sound(t, f)
		if in, _ := prepare(s); in.nonneg && slices.Min(f.Lo95) < 0 {
			t.Fatalf("bound below zero: %v", f.Lo95)
		}
	})
}

// sound fails unless all numbers of a forecast are finite and in order.
func sound(t interface{ Fatalf(string, ...any) }, f *Forecast) {
	check := func(what string, v ...float64) {
		for i, x := range v {
			if !finite(x) || i > 0 && x < v[i-1] {
				t.Fatalf("%s: lo95 lo80 mean hi80 hi95 = %v", what, v)
			}
		}
	}
	for i := range f.Mean {
		check("step", f.Lo95[i], f.Lo80[i], f.Mean[i], f.Hi80[i], f.Hi95[i])
	}
	total := f.Total(1)
	check("total", total.Lo95, total.Lo80, total.Mean, total.Hi80, total.Hi95)
	for _, p := range f.Paths(3, 1) {
		for _, v := range p {
			check("path", v)
		}
	}
	if _, err := json.Marshal(f.State); err != nil {
		t.Fatalf("state: %v", err)
	}
}

// Another unit changes nothing: the answer is the same in the other unit, to the
// last bit where the factor is a power of two.
func TestScaleEquivariance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySeries(t)
		factor := math.Ldexp(1, rapid.IntRange(0, 60).Draw(t, "exponent"))
		scaled := Series{Values: slices.Clone(s.Values), Period: s.Period}
		for i := range scaled.Values {
			scaled.Values[i] *= factor
		}
		small, large := run(t, s, Options{Horizon: 9}), run(t, scaled, Options{Horizon: 9})
		if small.sampler.in.discrete != large.sampler.in.discrete {
			t.Skip("counts are told by whole numbers")
		}
		for i := range small.Mean {
			want := []float64{small.Lo95[i] * factor, small.Mean[i] * factor, small.Hi80[i] * factor}
			if got := []float64{large.Lo95[i], large.Mean[i], large.Hi80[i]}; !cmp.Equal(got, want) {
				t.Fatalf("step %d times %v: %v, want %v", i, factor, got, want)
			}
		}
	})
}

// Methods that add know no zero: a higher level gives the same path, higher.
// (The combination knows one: relative errors and logarithms are about it.)
func TestShiftEquivariance(t *testing.T) {
	additive := []Method{
		Naive, SeasonalNaive, LongSeasonalNaive, Repeat, Profile, Smoothing, Trend,
		HoltWinters, HoltWintersTrend, Theta, AutoregressionSeasonal,
	}
	y := days(400, 7)
	higher := make([]float64, len(y))
	for i, v := range y {
		higher[i] = v + 512
	}
	for _, m := range additive {
		o := Options{Horizon: 30, Methods: []Method{m}}
		low := run(t, Series{Values: y, Period: 24}, o)
		high := run(t, Series{Values: higher, Period: 24}, o)
		for i, v := range low.Mean {
			// The search for parameters ends elsewhere by rounding.
			if math.Abs(high.Mean[i]-512-v) > 0.05 {
				t.Errorf("%s: step %d is %v, and %v when 512 higher", m, i, v, high.Mean[i]-512)
				break
			}
		}
	}
}

// What never changed is expected to stay, and said to be a guess.
func TestConstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-1e300, 1e300).Draw(t, "value")
		n := rapid.IntRange(2, 100).Draw(t, "n")
		f := run(t, Series{Values: slices.Repeat([]float64{v}, n), Period: 7}, Options{Horizon: 5})
		want := slices.Repeat([]float64{v}, 5)
		for _, got := range [][]float64{f.Mean, f.Lo80, f.Hi80, f.Lo95, f.Hi95} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
		if len(f.Warnings) == 0 {
			t.Fatal("no warning")
		}
	})
}

// The same input gives the same answer, and a state that went through JSON
// repeats the forecast it came from.
func TestRefreshRepeatsRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySeries(t)
		first := run(t, s, Options{Horizon: 12})
		again := run(t, s, Options{Horizon: 12})
		if diff := cmp.Diff(first.Paths(4, 9), again.Paths(4, 9)); diff != "" {
			t.Fatal(diff)
		}
		b, err := json.Marshal(first.State)
		if err != nil {
			t.Fatal(err)
		}
		var state State
		if err := json.Unmarshal(b, &state); err != nil {
			t.Fatal(err)
		}
		warm, err := Refresh(s, state)
		if err != nil {
			t.Fatal(err)
		}
		size := 0.0
		for _, v := range first.Hi95 {
			size = math.Max(size, math.Abs(v))
		}
		for i := range first.Mean {
			// Methods without weight are not kept.
			if math.Abs(warm.Mean[i]-first.Mean[i]) > 0.01*size {
				t.Fatalf("step %d: %v, refreshed %v", i, first.Mean[i], warm.Mean[i])
			}
		}
	})
}

// The total of independent errors grows with the root of the horizon; that of
// errors in common, with the horizon. The sum of bounds is the widest of all.
func TestTotalIsNarrowerThanSums(t *testing.T) {
	const h = 16
	f := run(t, Series{Values: noise(400, 5)}, Options{Horizon: h})
	total := f.Total(3)
	width, step := total.Hi95-total.Lo95, (sumOf(f.Hi95)-sumOf(f.Lo95))/h
	if width < 0.7*step*math.Sqrt(h) || width > 2*step*math.Sqrt(h) {
		t.Errorf("total of independent errors is %v wide, a step %v", width, step)
	}
	for seed := range uint64(20) {
		for _, compose := range []func(int, uint64) []float64{days, wander, noise} {
			f := run(t, Series{Values: compose(300, seed), Period: 24}, Options{Horizon: h})
			total := f.Total(seed)
			if total.Hi95 > sumOf(f.Hi95) || total.Lo95 < sumOf(f.Lo95) {
				t.Errorf("total %+v beyond the sums of bounds %v, %v",
					total, sumOf(f.Lo95), sumOf(f.Hi95))
			}
		}
	}
}

// Regressions are fitted at the first and the last origin and wherever the
// history has grown by a sixteenth since; never with values after an origin.
func TestRefits(t *testing.T) {
	f := func(origins, want []int) {
		t.Helper()
		if diff := cmp.Diff(want, refits(origins)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", origins, diff)
		}
	}
	f([]int{100}, []int{100})
	f([]int{100, 200}, []int{100, 200})
	// 106 is six more than 100, and 106/16 is 6.6; 107 is seven.
	f([]int{100, 106, 107, 108, 109}, []int{100, 107, 109})
	f([]int{1000, 1012, 1024, 1036, 1048, 1060, 1072, 1084}, []int{1000, 1072, 1084})
}
