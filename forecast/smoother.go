package forecast

import "math"

// The choices of a smoother.
const (
	noCycles = iota
	shortestCycle
	longestCycle
	allCycles
)

const (
	noTrend = iota
	damped
	undamped
)

// smoother is exponential smoothing: simple, Holt's and Holt-Winters', with
// none, one or two seasonal cycles and an optional first-order autoregression
// of the errors. In innovations form, with u the one-step error:
//
//	ŷ[t] = l + φb + s1 + s2 + ρ·e     e: last value less its structural part
//	l    = l + φb + αu
//	b    = φb + βu
//	sk   = sk + γk·u
//
// and for the multiplicative season ŷ = (l+φb)·s, l += αu/s, b += βu/s,
// s += γu/(l+φb). Sources: Hyndman & Athanasopoulos, Forecasting: Principles
// and Practice, 3rd ed., sections 8.1-8.5 (β here is their αβ*); two cycles and
// the autoregressive error: Taylor, Journal of the Operational Research Society
// 54 (2003), 799-805. Parameters minimise the squared one-step error.
type smoother struct {
	cycles         int // which cycles
	trend          int // noTrend, damped, undamped
	ar             bool
	logs           bool
	multiplicative bool // needs positive values; additive otherwise
}

// seasons is the most cycles a smoother carries: the shortest and the longest.
const seasons = 2

// params are the smoothing parameters. Unused ones are zero, phi is one.
type params struct {
	alpha, beta, phi, rho float64
	gamma                 [seasons]float64
}

// smoothState is the state after some value.
type smoothState struct {
	level, trend, resid float64
	season              [seasons][]float64 // one figure each, never empty
	phase               [seasons]int       // position of the next value
}

// source returns the values modelled and whether they are logarithms.
func (s smoother) source(in *input) ([]float64, bool) {
	if s.logs && in.logs != nil {
		return in.logs, true
	}
	return in.clean, false
}

// used returns the cycles that fit twice into n values.
func (s smoother) used(in *input, n int) []int {
	var fit []int
	for _, m := range in.cycles {
		if 2*m <= n {
			fit = append(fit, m)
		}
	}
	switch {
	case len(fit) == 0 || s.cycles == noCycles:
		return nil
	case s.cycles == shortestCycle || len(fit) == 1:
		return fit[:1]
	case s.cycles == longestCycle:
		return fit[len(fit)-1:]
	}
	return []int{fit[0], fit[len(fit)-1]}
}

// isMultiplicative tells whether the multiplicative recursion applies.
func (s smoother) isMultiplicative(in *input) bool { return s.multiplicative && in.lo > 0 }

// initial makes the state before the first value from the first n values:
// seasons by classical decomposition, the level from the first short cycle.
func (s smoother) initial(in *input, y []float64, n int) smoothState {
	var st smoothState
	cycles := s.used(in, n)
	rest := append([]float64(nil), y[:n]...)
	mult := s.isMultiplicative(in)
	for k := range st.season {
		st.season[k] = []float64{0}
		if k < len(cycles) {
			if mult {
				st.season[k] = ratios(rest, cycles[k])
				divideBy(rest, st.season[k])
			} else {
				st.season[k] = classical(rest, cycles[k])
				subtract(rest, st.season[k])
			}
		} else if mult {
			st.season[k] = []float64{1}
		}
	}
	first := 10
	if len(cycles) > 0 {
		first = cycles[0]
	}
	st.level = meanOf(rest[:min(first, n)])
	return st
}

func subtract(y, figure []float64) {
	for t, p := 0, 0; t < len(y); t++ {
		y[t] -= figure[p]
		if p++; p == len(figure) {
			p = 0
		}
	}
}

func divideBy(y, figure []float64) {
	for t, p := 0, 0; t < len(y); t++ {
		y[t] /= figure[p]
		if p++; p == len(figure) {
			p = 0
		}
	}
}

// ratios is the multiplicative seasonal figure: each phase's mean over the mean
// of all, never below a thousandth.
func ratios(y []float64, m int) []float64 {
	figure := phaseMeans(y, m)
	mean := meanOf(figure)
	for p := range figure {
		figure[p] = math.Max(figure[p]/mean, 1e-3)
	}
	return figure
}

// clone copies a state with seasons of its own.
func (st *smoothState) clone() smoothState {
	c := *st
	for k := range c.season {
		c.season[k] = append([]float64(nil), st.season[k]...)
	}
	return c
}

// reset makes st equal to from without allocating.
func (st *smoothState) reset(from *smoothState) {
	for k := range st.season {
		copy(st.season[k], from.season[k])
	}
	st.level, st.trend, st.resid, st.phase = from.level, from.trend, from.resid, from.phase
}

// filter feeds values to the additive recursion and returns the sum of squared
// one-step errors. This loop is where fitting spends its time.
func (st *smoothState) filter(y []float64, p *params) float64 {
	s1, s2 := st.season[0], st.season[1]
	i1, i2 := st.phase[0], st.phase[1]
	l, b, e, sse := st.level, st.trend, st.resid, 0.0
	for _, v := range y {
		base := l + p.phi*b
		structural := base + s1[i1] + s2[i2]
		u := v - structural - p.rho*e
		sse += u * u
		e = v - structural
		l = base + p.alpha*u
		b = p.phi*b + p.beta*u
		s1[i1] += p.gamma[0] * u
		s2[i2] += p.gamma[1] * u
		if i1++; i1 == len(s1) {
			i1 = 0
		}
		if i2++; i2 == len(s2) {
			i2 = 0
		}
	}
	st.phase = [seasons]int{i1, i2}
	st.level, st.trend, st.resid = l, b, e
	return sse
}

// filterRatio is filter for the multiplicative season.
func (st *smoothState) filterRatio(y []float64, p *params) float64 {
	const least = 1e-9 // keeps divisors off zero
	s := st.season[0]
	i := st.phase[0]
	l, b, sse := st.level, st.trend, 0.0
	for _, v := range y {
		base := math.Max(l+p.phi*b, least)
		figure := math.Max(s[i], least)
		u := v - base*figure
		sse += u * u
		l = base + p.alpha*u/figure
		b = p.phi*b + p.beta*u/figure
		s[i] = figure + p.gamma[0]*u/base
		if i++; i == len(s) {
			i = 0
		}
	}
	st.phase[0], st.level, st.trend = i, l, b
	return sse
}

// forecast writes the path that follows the state, which it leaves unchanged.
func (st *smoothState) forecast(p *params, mult bool, out []float64) {
	l, b, e := st.level, st.trend, st.resid
	i1, i2 := st.phase[0], st.phase[1]
	for i := range out {
		b *= p.phi
		l += b
		e *= p.rho
		if mult {
			out[i] = math.Max(l, 0) * st.season[0][i1]
		} else {
			out[i] = l + st.season[0][i1] + st.season[1][i2] + e
		}
		if i1++; i1 == len(st.season[0]) {
			i1 = 0
		}
		if i2++; i2 == len(st.season[1]) {
			i2 = 0
		}
	}
}
