package forecast

import "math"

// theta is the Theta method in the form of Hyndman and Billah, International
// Journal of Forecasting 19 (2003), 287-290: simple exponential smoothing of the
// deseasonalised series plus half the slope b of its linear trend,
//
//	ŷ[n+h] = l[n] + b/2·(h − 1 + (1 − (1−α)^n)/α)
//
// with the season of every cycle taken off by classical decomposition and put
// back. Its parameter is α.
type theta struct{}

func (theta) run(in *input, j job) []float64 {
	n := len(in.y)
	alpha := 0.0
	for i, o := range j.origins {
		rest, figures := deseasonalise(in.clean[:o], in.cycles)
		if i == 0 || o == n {
			alpha = bestAlpha(rest)
		}
		thetaPath(rest, alpha, j.out[i])
		addFigures(figures, o, j.out[i])
	}
	return []float64{alpha}
}

func (theta) again(in *input, params, out []float64) bool {
	if len(params) != 1 || !(params[0] > 0 && params[0] <= 1) {
		return false
	}
	rest, figures := deseasonalise(in.clean, in.cycles)
	thetaPath(rest, params[0], out)
	addFigures(figures, len(rest), out)
	return true
}

// deseasonalise takes the figure of every cycle off that fits twice, shortest
// first.
func deseasonalise(y []float64, cycles []int) (rest []float64, figures [][]float64) {
	rest = append([]float64(nil), y...)
	for _, m := range cycles {
		if len(y) < 2*m {
			break
		}
		figure := classical(rest, m)
		subtract(rest, figure)
		figures = append(figures, figure)
	}
	return rest, figures
}

func addFigures(figures [][]float64, origin int, out []float64) {
	for _, figure := range figures {
		m := len(figure)
		for i := range out {
			out[i] += figure[(origin+i)%m]
		}
	}
}

// smooth returns the level after y and the squared one-step errors.
func smooth(y []float64, alpha float64) (level, sse float64) {
	level = y[0]
	for _, v := range y[1:] {
		e := v - level
		sse += e * e
		level += alpha * e
	}
	return level, sse
}

// bestAlpha minimises the squared one-step error of simple smoothing by golden
// section over [0.01, 1]. Source: Kiefer, Proc. AMS 4 (1953), 502-506.
func bestAlpha(y []float64) float64 {
	y = y[max(0, len(y)-fitWindow):]
	if len(y) < 3 {
		return 1
	}
	const golden = 0.6180339887498949
	lo, hi := 0.01, 1.0
	a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
	_, fa := smooth(y, a)
	_, fb := smooth(y, b)
	for hi-lo > 0.005 {
		if fa <= fb {
			hi, b, fb = b, a, fa
			a = hi - golden*(hi-lo)
			_, fa = smooth(y, a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + golden*(hi-lo)
			_, fb = smooth(y, b)
		}
	}
	return (lo + hi) / 2
}

// thetaPath writes the path of the deseasonalised series.
func thetaPath(y []float64, alpha float64, out []float64) {
	n := float64(len(y))
	level, _ := smooth(y, alpha)
	mean := meanOf(y)
	sxy, sxx := 0.0, 0.0
	for t, v := range y {
		x := float64(t) - (n-1)/2
		sxy += x * (v - mean)
		sxx += x * x
	}
	half := 0.0
	if sxx > 0 {
		half = sxy / sxx / 2
	}
	lag := (1 - math.Pow(1-alpha, n)) / alpha
	for i := range out {
		out[i] = level + half*(float64(i)+lag)
	}
}
