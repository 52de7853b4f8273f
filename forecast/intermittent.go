package forecast

// intermittent forecasts counts that are mostly zero by smoothing the size of
// demands apart from their rate; the path is flat, demand for each step.
//
// Croston (Operational Research Quarterly 23 (1972), 289-303) smooths size z and
// interval p at each demand and forecasts z/p; Syntetos and Boylan
// (International Journal of Forecasting 21 (2005), 303-314) multiply by 1-α/2
// against its upward bias. TSB (Teunter, Syntetos & Babai, European Journal of
// Operational Research 214 (2011), 606-615) smooths the probability of a demand
// at every step and forecasts probability times size, so that a function that
// stopped being called fades away. Parameters: α of size and interval (Croston)
// or of size and probability (TSB), by least squared one-step error over a grid.
type intermittent struct {
	sba bool
	tsb bool
}

// demandGrid holds the smoothing constants tried.
var demandGrid = [...]float64{0.02, 0.05, 0.1, 0.2, 0.3}

func (m intermittent) run(in *input, j job) []float64 {
	first := j.origins[0]
	size, rate := m.fit(in.y[:first])
	for i, o := range j.origins {
		if i > 0 && o == len(in.y) {
			size, rate = m.fit(in.y)
		}
		m.flat(in.y[:o], size, rate, j.out[i])
	}
	return []float64{size, rate}
}

func (m intermittent) again(in *input, params, out []float64) bool {
	if len(params) != 2 {
		return false
	}
	m.flat(in.y, params[0], params[1], out)
	return true
}

func (m intermittent) flat(y []float64, size, rate float64, out []float64) {
	f, _ := m.filter(y, size, rate)
	for i := range out {
		out[i] = f
	}
}

// fit returns the pair of constants with the least squared one-step error.
func (m intermittent) fit(y []float64) (size, rate float64) {
	y = y[max(0, len(y)-fitWindow):]
	least := -1.0
	for _, a := range demandGrid {
		for _, b := range demandGrid {
			if m.sba && a != b {
				continue
			}
			if _, sse := m.filter(y, a, b); least < 0 || sse < least {
				least, size, rate = sse, a, b
			}
		}
	}
	return size, rate
}

// filter returns the forecast after y and the squared one-step errors since the
// first demand.
func (m intermittent) filter(y []float64, size, rate float64) (forecast, sse float64) {
	if m.tsb {
		return tsbFilter(y, size, rate)
	}
	return crostonFilter(y, size, m.sba)
}

func crostonFilter(y []float64, alpha float64, sba bool) (forecast, sse float64) {
	z, p, gap := 0.0, 0.0, 1.0
	factor := 1.0
	if sba {
		factor = 1 - alpha/2
	}
	for t, v := range y {
		if p > 0 {
			sse += (v - forecast) * (v - forecast)
		}
		if v == 0 {
			gap++
			continue
		}
		if p == 0 { // the first demand starts both
			z, p = v, float64(t+1)
		} else {
			z += alpha * (v - z)
			p += alpha * (gap - p)
		}
		gap = 1
		forecast = factor * z / p
	}
	return forecast, sse
}

func tsbFilter(y []float64, alpha, beta float64) (forecast, sse float64) {
	z, p, started := 0.0, 0.0, false
	for t, v := range y {
		if started {
			sse += (v - p*z) * (v - p*z)
		}
		switch {
		case v == 0:
			p -= beta * p
		case !started:
			z, p, started = v, 1/float64(t+1), true
		default:
			z += alpha * (v - z)
			p += beta * (1 - p)
		}
	}
	return p * z, sse
}
