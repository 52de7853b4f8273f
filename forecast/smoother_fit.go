package forecast

import "math"

// Fitting of smoothers.
const (
	// fitWindow is how many of the last values a fit looks at: parameters settle
	// long before, and the cost of a fit stays bounded.
	fitWindow = 1000
	// evalsPerParam bounds the error evaluations of a fit.
	evalsPerParam = 15
)

// bounds: the damping factor lies between leastPhi and mostPhi. Forecasting:
// Principles and Practice, section 8.2, restricts it to 0.8-0.98 because less
// damps at once and more never; over horizons of days in hours, 0.8 is "at once".
const (
	leastPhi = 0.9
	mostPhi  = 0.99
)

// decode turns unbounded search coordinates into parameters within their
// bounds: 0<α<1, 0<β<α, 0<γ<1, |ρ|<1. Unused coordinates are ignored.
func (s smoother) decode(x []float64, cycles int) params {
	p := params{phi: 1, alpha: logistic(x[0])}
	x = x[1:]
	if s.trend != noTrend {
		p.beta = p.alpha * logistic(x[0])
		x = x[1:]
	}
	if s.trend == damped {
		p.phi = leastPhi + (mostPhi-leastPhi)*logistic(x[0])
		x = x[1:]
	}
	for k := range cycles {
		p.gamma[k] = logistic(x[k])
	}
	if s.ar {
		p.rho = math.Tanh(x[cycles])
	}
	return p
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// begin is where the search starts: slow level, slower trend and seasons, some
// autocorrelation.
func (s smoother) begin(cycles int) []float64 {
	x := []float64{-1}
	if s.trend != noTrend {
		x = append(x, -2)
	}
	if s.trend == damped {
		x = append(x, 0)
	}
	for range cycles {
		x = append(x, -2)
	}
	if s.ar {
		x = append(x, 0.5)
	}
	return x
}

// fit minimises the squared one-step error after the first cycle.
func (s smoother) fit(y []float64, start *smoothState, cycles int, mult bool) params {
	work := start.clone()
	warm := min(len(start.season[0]), len(y)/2)
	feed := (*smoothState).filter
	if mult {
		feed = (*smoothState).filterRatio
	}
	x := minimise(s.begin(cycles), func(x []float64) float64 {
		p := s.decode(x, cycles)
		work.reset(start)
		feed(&work, y[:warm], &p)
		return feed(&work, y[warm:], &p)
	})
	return s.decode(x, cycles)
}

func (s smoother) run(in *input, j job) []float64 {
	y, logs := s.source(in)
	first := len(y)
	if j.origins[0] < len(y) { // seasons must not know what is validated
		first = max(j.origins[0], min(len(y), 2*in.longCycle()))
	}
	mult := s.isMultiplicative(in)
	state := s.initial(in, y, first)
	cycles := len(s.used(in, first))
	p := s.fitTail(y, &state, cycles, mult)
	from := 0
	for i, o := range j.origins {
		s.feed(&state, y[from:o], &p, mult)
		from = o
		state.forecast(&p, mult, j.out[i])
		if logs {
			exponentiate(j.out[i])
		}
	}
	return p.encode(first)
}

// fitTail fits on the last fitWindow values, from a state that a neutral filter
// of the earlier ones left.
func (s smoother) fitTail(y []float64, state *smoothState, cycles int, mult bool) params {
	skip := max(0, len(y)-fitWindow)
	if skip == 0 {
		return s.fit(y, state, cycles, mult)
	}
	start := state.clone()
	neutral := s.decode(s.begin(cycles), cycles)
	s.feed(&start, y[:skip], &neutral, mult)
	return s.fit(y[skip:], &start, cycles, mult)
}

// feed runs the recursion that the season calls for.
func (s smoother) feed(st *smoothState, y []float64, p *params, mult bool) {
	if mult {
		st.filterRatio(y, p)
		return
	}
	st.filter(y, p)
}

func exponentiate(f []float64) {
	for i := range f {
		f[i] = math.Exp(f[i])
	}
}

// encode lists the parameters, with the number of values that made the initial
// state.
func (p params) encode(first int) []float64 {
	return []float64{p.alpha, p.beta, p.phi, p.rho, p.gamma[0], p.gamma[1], float64(first)}
}

func (s smoother) again(in *input, v, out []float64) bool {
	if len(v) != 7 || !(v[6] >= 1) {
		return false
	}
	p := params{alpha: v[0], beta: v[1], phi: v[2], rho: v[3], gamma: [seasons]float64{v[4], v[5]}}
	y, logs := s.source(in)
	mult := s.isMultiplicative(in)
	state := s.initial(in, y, int(math.Min(float64(len(y)), v[6])))
	s.feed(&state, y, &p, mult)
	state.forecast(&p, mult, out)
	if logs {
		exponentiate(out)
	}
	return true
}
