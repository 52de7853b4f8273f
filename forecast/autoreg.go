package forecast

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// The kinds of differencing before a regression.
const (
	diffNone  = iota
	diffStep  // change from step to step
	diffCycle // change over the shortest cycle
)

// Settings of the regressions.
const (
	// ridge is the penalty on squared coefficients, as a share of the rows: small
	// enough not to shrink, large enough to solve collinear lags.
	ridge = 1e-4
	// fullCycle is the longest short cycle of which all lags enter.
	fullCycle = 60
	// rowsPerLag is how many rows each coefficient must have to be fitted.
	rowsPerLag = 3
	// refitShare: a history that is longer by less than a sixteenth is not worth
	// another fit.
	refitShare = 16
	// maxDeviations bounds an iterated forecast, in standard deviations.
	maxDeviations = 50
)

// autoreg is a linear autoregression fitted by ridge least squares and iterated
// over the horizon:
//
//	z[t] = c + Σ w[k]·z[t-lag[k]] + e[t]
//
// on the series or its differences. The lags are 1 and 2 (four for changes),
// optionally all of one short cycle, and those around each cycle and its
// multiples, so it is a subset ARIMA without moving average. The sums of
// products of every validation origin come from one pass (see gram). Source:
// Box, Jenkins & Reinsel, Time Series Analysis, chapters 3 and 9; ridge: Hoerl &
// Kennard, Technometrics 12 (1970).
type autoreg struct {
	logs bool
	full bool
	diff int
}

// z returns the differenced, standardised series and how to undo it.
func (a autoreg) z(in *input) (z []float64, sc arScale) {
	sc.y = in.clean
	if a.logs && in.logs != nil {
		sc.y, sc.logs = in.logs, true
	}
	switch a.diff {
	case diffStep:
		sc.diff = 1
	case diffCycle:
		sc.diff = in.mainCycle()
	}
	if len(sc.y) <= sc.diff+1 {
		return nil, sc
	}
	z = make([]float64, len(sc.y)-sc.diff)
	if sc.diff == 0 {
		copy(z, sc.y)
		sc.mean = meanOf(z)
	} else {
		for i := range z {
			z[i] = sc.y[i+sc.diff] - sc.y[i]
		}
	}
	ss := 0.0
	for i := range z {
		z[i] -= sc.mean
		ss += z[i] * z[i]
	}
	sc.sd = math.Sqrt(ss / float64(len(z)))
	if sc.sd > 0 {
		for i := range z {
			z[i] /= sc.sd
		}
	}
	return z, sc
}

// arScale turns forecasts of z back into forecasts of the series.
type arScale struct {
	y        []float64 // what was differenced
	diff     int
	logs     bool
	mean, sd float64
}

// undo turns z values that follow origin into series values, in place.
func (sc arScale) undo(origin int, f []float64) {
	for i := range f {
		f[i] = f[i]*sc.sd + sc.mean
		if sc.diff == 0 {
			continue
		}
		if i < sc.diff {
			f[i] += sc.y[origin-sc.diff+i]
		} else {
			f[i] += f[i-sc.diff]
		}
	}
	if sc.logs {
		for i := range f {
			f[i] = math.Exp(f[i])
		}
	}
}

// lags returns the lags for n values of z, ascending.
func (a autoreg) lags(in *input, n int) []int {
	short := 2
	if a.diff == diffStep {
		short = 4
	}
	if m := in.mainCycle(); a.full && m > 1 && m <= fullCycle {
		short = m + 1
	}
	var lags []int
	for l := 1; l <= short; l++ {
		lags = append(lags, l)
	}
	for _, m := range in.cycles {
		if 2*n < 5*m {
			continue
		}
		lags = append(lags, m-1, m, m+1)
		for k := 2; k <= 3 && n > 3*k*m; k++ {
			lags = append(lags, k*m)
		}
	}
	slices.Sort(lags)
	lags = slices.Compact(lags)
	lags = slices.DeleteFunc(lags, func(l int) bool { return l < 1 })
	for len(lags) > 0 && n-lags[len(lags)-1] < max(rowsPerLag*len(lags), 20) {
		lags = lags[:len(lags)-1]
	}
	return lags
}

func (a autoreg) run(in *input, j job) []float64 {
	z, sc := a.z(in)
	var fit arFit
	if sc.sd > 0 {
		fitted := refits(j.origins)
		g := newGram(z, a.lags(in, len(z)), a.ends(sc, fitted), func(n int) []int {
			return a.lags(in, n)
		})
		next := 0
		for i, o := range j.origins {
			if next < len(fitted) && o == fitted[next] {
				fit = g.solve(next, a.diff == diffNone)
				next++
			}
			a.forecast(z, sc, fit, o, j.out[i])
		}
	} else {
		for i, o := range j.origins {
			a.forecast(z, sc, fit, o, j.out[i])
		}
	}
	return fit.params(sc)
}

// refits returns the origins at which a regression is fitted anew: the first, the
// last, and those before which the history has grown by a refitShare-th. Others
// take the fit before them, which knew less, not more.
func refits(origins []int) []int {
	fitted := origins[:1:1]
	for i, o := range origins[1:] {
		if last := fitted[len(fitted)-1]; i == len(origins)-2 || (o-last)*refitShare >= o {
			fitted = append(fitted, o)
		}
	}
	return fitted
}

// ends turns origins of the series into origins of its differences.
func (a autoreg) ends(sc arScale, origins []int) []int {
	ends := make([]int, len(origins))
	for i, o := range origins {
		ends[i] = max(0, o-sc.diff)
	}
	return ends
}

// forecast iterates a fit from an origin of the series; without a fit it
// repeats the last value.
func (a autoreg) forecast(z []float64, sc arScale, fit arFit, origin int, out []float64) {
	end := origin - sc.diff
	if len(fit.lags) == 0 || end < fit.lags[len(fit.lags)-1] {
		last := sc.y[origin-1]
		if sc.logs {
			last = math.Exp(last)
		}
		for i := range out {
			out[i] = last
		}
		return
	}
	depth := fit.lags[len(fit.lags)-1]
	x := make([]float64, depth+len(out))
	copy(x, z[end-depth:end])
	for i := range out {
		s := fit.constant
		for k, l := range fit.lags {
			s += fit.weights[k] * x[depth+i-l]
		}
		x[depth+i] = math.Max(-maxDeviations, math.Min(maxDeviations, s))
	}
	copy(out, x[depth:])
	sc.undo(origin, out)
}

// arFit is a fitted regression on the standardised series; without lags it is
// no fit.
type arFit struct {
	lags     []int
	weights  []float64
	constant float64
}

// params lists mean, deviation, constant and the pairs of lag and weight.
func (f arFit) params(sc arScale) []float64 {
	p := []float64{sc.mean, sc.sd, f.constant}
	for k, l := range f.lags {
		p = append(p, float64(l), f.weights[k])
	}
	return p
}

func (a autoreg) again(in *input, params, out []float64) bool {
	if len(params) < 3 || len(params)%2 == 0 || slices.ContainsFunc(params, unsound) {
		return false
	}
	sc := arScale{y: in.clean, mean: params[0], sd: params[1]}
	if a.logs && in.logs != nil {
		sc.y, sc.logs = in.logs, true
	}
	switch a.diff {
	case diffStep:
		sc.diff = 1
	case diffCycle:
		sc.diff = in.mainCycle()
	}
	fit := arFit{constant: params[2]}
	for k := 3; k+1 < len(params); k += 2 {
		fit.lags = append(fit.lags, int(params[k]))
		fit.weights = append(fit.weights, params[k+1])
	}
	z, ok := sc.tail(fit.lags)
	if !ok {
		return false
	}
	a.forecastTail(z, sc, fit, out)
	return true
}

// unsound tells a number that no fit returns.
func unsound(v float64) bool { return !finite(v) || math.Abs(v) > 1e15 }

// tail returns the last standardised differences, as many as the lags reach.
func (sc arScale) tail(lags []int) ([]float64, bool) {
	if len(lags) == 0 || sc.sd <= 0 {
		return nil, len(sc.y) > 0
	}
	depth := lags[len(lags)-1]
	n := len(sc.y)
	if lags[0] < 1 || !slices.IsSorted(lags) || n < depth+sc.diff {
		return nil, false
	}
	z := make([]float64, depth)
	for i := range z {
		t := n - depth + i
		z[i] = sc.y[t] - sc.mean
		if sc.diff > 0 {
			z[i] -= sc.y[t-sc.diff]
		}
		z[i] /= sc.sd
	}
	return z, true
}

// forecastTail is forecast from the end, with only the tail of z at hand.
func (a autoreg) forecastTail(tail []float64, sc arScale, fit arFit, out []float64) {
	if len(tail) == 0 {
		fit = arFit{}
	}
	whole := sc
	x := make([]float64, len(sc.y)-sc.diff)
	copy(x[len(x)-len(tail):], tail)
	a.forecast(x, whole, fit, len(sc.y), out)
}

// solveRidge solves the normal equations A·w = b, nil if A is singular.
func solveRidge(a *mat.SymDense, b []float64) []float64 {
	var chol mat.Cholesky
	if ok := chol.Factorize(a); !ok {
		return nil
	}
	var w mat.VecDense
	if err := chol.SolveVecTo(&w, mat.NewVecDense(len(b), b)); err != nil {
		// Badly conditioned, yet solved: the ridge bounds the weights.
		if _, ok := errors.AsType[mat.Condition](err); !ok {
			return nil
		}
	}
	return w.RawVector().Data
}
