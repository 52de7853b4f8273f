package forecast

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
)

// goldenR are results of R and its forecast package (testdata/golden.R).
type goldenR struct {
	Tool           string
	Season, Demand []float64
	Classical      []float64
	Croston        []float64
	SeasonalNaive  []float64 `json:"seasonal_naive"`
	Autoregression []float64
	Theta          []float64
	Multiplicative []float64
}

// goldenPaths are results of statsmodels (testdata/golden.py).
type goldenPaths struct {
	Tool   string
	Season []float64
	Paths  map[string][]float64
}

func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// near fails unless got is want within a share of the size of want's values.
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	size := 0.0
	for _, v := range want {
		size = max(size, math.Abs(v))
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > tolerance*size {
			t.Errorf("%s: step %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// firstFigures are the first seasonal figures of the golden paths.
var firstFigures = []float64{18, 9, -3, -12, -18, -15, -9, 0, 6, 9, 12, 3}

// The recursions of exponential smoothing with given parameters and first
// states, against statsmodels 0.13.5: the same formulas, so only rounding may
// differ.
func TestSmoothersAgainstStatsmodels(t *testing.T) {
	var golden goldenPaths
	readGolden(t, "golden_statsmodels.json", &golden)
	none := []float64{0}
	for _, c := range []struct {
		name   string
		p      params
		trend  float64
		season []float64
	}{
		{"smoothing", params{alpha: 0.3, phi: 1}, 0, none},
		{"trend", params{alpha: 0.3, beta: 0.05, phi: 1}, 0.4, none},
		{"damped", params{alpha: 0.3, beta: 0.05, phi: 0.9}, 0.4, none},
		{"additive", params{alpha: 0.3, beta: 0.05, phi: 0.9, gamma: [2]float64{0.15}},
			0.4, firstFigures},
	} {
		st := smoothState{level: 95, trend: c.trend}
		st.season[0], st.season[1] = append([]float64(nil), c.season...), []float64{0}
		st.filter(golden.Season, &c.p)
		got := make([]float64, 24)
		st.forecast(&c.p, false, got)
		near(t, c.name, got, golden.Paths[c.name], 1e-9)
	}
}

// The multiplicative season against the states of R's forecast 8.20.
func TestMultiplicativeAgainstR(t *testing.T) {
	var golden goldenR
	readGolden(t, "golden_forecast.json", &golden)
	p := params{alpha: 0.3, beta: 0.05, phi: 0.9, gamma: [2]float64{0.15}}
	st := smoothState{level: 95, trend: 0.4}
	for _, v := range firstFigures {
		st.season[0] = append(st.season[0], 1+v/100)
	}
	st.filterRatio(golden.Season, &p)
	got := make([]float64, 24)
	st.forecast(&p, true, got)
	near(t, "multiplicative", got, golden.Multiplicative, 1e-9)
}

// The second cycle and the autoregressive error have no second source here, so
// the formula of the type's comment is written down once more, plainly.
func TestTwoCyclesAgainstFormula(t *testing.T) {
	var golden goldenPaths
	readGolden(t, "golden_statsmodels.json", &golden)
	y, p := golden.Season, params{alpha: 0.2, phi: 1, rho: 0.4, gamma: [2]float64{0.1, 0.3}}
	const short, long = 4, 12
	level, last := y[0], 0.0
	s1, s2 := make([]float64, len(y)+long), make([]float64, len(y)+long)
	for i, v := range y {
		structural := level + s1[i] + s2[i]
		u := v - structural - p.rho*last
		last = v - structural
		level += p.alpha * u
		s1[i+short] = s1[i] + p.gamma[0]*u
		s2[i+long] = s2[i] + p.gamma[1]*u
	}
	want := make([]float64, long)
	for h := range want {
		last *= p.rho
		want[h] = level + s1[len(y)+h%short] + s2[len(y)+h] + last
	}
	st := smoothState{level: y[0]}
	st.season[0], st.season[1] = make([]float64, short), make([]float64, long)
	st.filter(y, &p)
	got := make([]float64, long)
	st.forecast(&p, false, got)
	near(t, "two cycles", got, want, 1e-12)
}

// Decomposition, seasonal naive, regression, Croston and Theta against R 4.2.2
// and forecast 8.20.
func TestAgainstR(t *testing.T) {
	var golden goldenR
	readGolden(t, "golden_forecast.json", &golden)
	near(t, "classical decomposition", classical(golden.Season, 12), golden.Classical, 1e-12)

	run := func(m Method, values []float64, period, horizon int) []float64 {
		t.Helper()
		in, _ := prepare(Series{Values: values, Period: period})
		out := rows(1, horizon)
		newModel(m).run(in, job{origins: []int{len(values)}, horizon: horizon, out: out})
		in.restore(out[0])
		return out[0]
	}
	near(t, "seasonal naive", run(SeasonalNaive, golden.Season, 12, 24), golden.SeasonalNaive, 0)
	// The ridge, a ten-thousandth of the rows, is all that differs.
	regression := autoreg{}
	in, _ := prepare(Series{Values: golden.Season})
	out := rows(1, 12)
	regression.run(in, job{origins: []int{len(golden.Season)}, horizon: 12, out: out})
	in.restore(out[0])
	near(t, "autoregression", out[0], golden.Autoregression, 2e-3)
	// R finds the smoothing constant by likelihood and the first level with it, we
	// by squared error from the first value.
	near(t, "theta", run(Theta, golden.Season, 0, 12), golden.Theta, 0.01)

	plain, _ := crostonFilter(golden.Demand, 0.1, false)
	near(t, "Croston", []float64{plain}, golden.Croston, 1e-12)
	// Syntetos and Boylan's factor is 1-α/2.
	corrected, _ := crostonFilter(golden.Demand, 0.1, true)
	near(t, "SBA", []float64{corrected}, []float64{0.95 * golden.Croston[0]}, 1e-12)
}

// A worked sum for TSB with α = 0.5 for sizes and β = 0.2 for the probability:
// demands 0 4 0 0 2 start at size 4 and probability 1/2; two quiet steps leave
// 0.32, the last demand makes it 0.32 + 0.2·0.68 = 0.456 and the size 3.
func TestTSBWorkedSum(t *testing.T) {
	got, sse := tsbFilter([]float64{0, 4, 0, 0, 2}, 0.5, 0.2)
	near(t, "TSB", []float64{got}, []float64{0.456 * 3}, 1e-12)
	// One-step forecasts 2, 1.6 and 1.28 met 0, 0 and 2.
	near(t, "squared error", []float64{sse}, []float64{4 + 2.56 + 0.5184}, 1e-12)
}

// Worked sums for the models that copy and average.
func TestWorkedSums(t *testing.T) {
	f := func(m Method, values []float64, period int, want ...float64) {
		t.Helper()
		in, _ := prepare(Series{Values: values, Period: period})
		out := rows(1, len(want))
		newModel(m).run(in, job{origins: []int{len(values)}, horizon: len(want), out: out})
		in.restore(out[0])
		near(t, fmt.Sprint(m), out[0], want, 1e-12)
	}
	y := []float64{1, 5, 3, 2, 6, 4, 9, 7, 5}
	f(Naive, y, 3, 5, 5)
	f(SeasonalNaive, y, 3, 9, 7, 5, 9)
	f(LongSeasonalNaive, y, 3, 9, 7, 5, 9)
	f(MeanRecent, y, 3, 6, 6) // the last two: 7 and 5
	// Medians of 1 2 9, 5 6 7 and 3 4 5 with weights, latest first, 1 0.9 0.81 for
	// 9 2 1, 7 6 5 and 5 4 3. Half of 2.71 is 1.355; the middle values sit at
	// 0.81 + 0.45 = 1.26, the last at 1.71 + 0.5 = 2.21: a tenth of the way.
	f(Profile, y, 3, 2+0.1*7, 6+0.1, 4+0.1)
	// With 0.95: weights 1 0.95 0.9025, half 1.42625, the middle at 1.3775 and the
	// last at 2.3525: a twentieth.
	f(LongProfile, y, 3, 2+0.05*7, 6+0.05, 4+0.05)
	// Means of the cycles 3, 4 and 7; the level is (7 + 0.9·4 + 0.81·3)/2.71. The
	// shares of the phases are 1/3 2/4 9/7, 5/3 6/4 7/7 and 3/3 4/4 5/7.
	level := (7 + 0.9*4 + 0.81*3) / 2.71
	f(ShapeProfile, y, 3, level*2/4, level*6/4, level, level*2/4)
	// Where values may be negative, distances from the mean of the cycle instead:
	// -2 -2 2, 2 2 0 and 0 0 -2.
	below := make([]float64, len(y))
	for i, v := range y {
		below[i] = v - 10
	}
	f(ShapeProfile, below, 3, level-10-2, level-10+2, level-10)
	// A timer that once was late: the median of three cycles outvotes it.
	timer := []float64{0, 0, 7, 0, 0, 7, 0, 0, 7, 0, 0, 7, 0, 0, 7, 0, 7, 0}
	f(Repeat, timer, 0, 0, 0, 7, 0, 0, 7)
	// Discounted profile 0.6^k over cycles 9 7 5, 2 6 4, 1 5 3; the last cycle is
	// 21 against 14.625 expected of the two before it.
	before := (2+0.6*1)/1.6 + (6+0.6*5)/1.6 + (4+0.6*3)/1.6
	ratio := math.Pow(21/before, 0.8)
	mean := func(a, b, c float64) float64 { return (a + 0.6*b + 0.36*c) / 1.96 }
	f(LevelProfile, y, 3, ratio*mean(9, 2, 1), ratio*mean(7, 6, 5), ratio*mean(5, 4, 3))
}
