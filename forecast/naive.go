package forecast

// copyCycle repeats the m values before origin.
func copyCycle(y []float64, origin, m int, out []float64) {
	last := y[origin-m : origin]
	for i := range out {
		out[i] = last[i%m]
	}
}

// naive repeats the last value: the best forecast of a random walk.
func naive(in *input, origin int, out []float64) {
	copyCycle(in.y, origin, 1, out)
}

// shortCopy is the seasonal naive forecast of the shortest cycle that fits.
// Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd
// ed., section 5.2.
func shortCopy(in *input, origin int, out []float64) {
	m := in.mainCycle()
	if origin < m {
		m = 1
	}
	copyCycle(in.y, origin, m, out)
}

// longCopy is the seasonal naive forecast of the longest cycle that fits.
func longCopy(in *input, origin int, out []float64) {
	copyCycle(in.y, origin, cycleAt(in.cycles, origin, 1), out)
}

// meanRecent repeats the mean of as many values as are asked for.
func meanRecent(in *input, origin int, out []float64) {
	mean := meanOf(in.y[max(0, origin-len(out)):origin])
	for i := range out {
		out[i] = mean
	}
}
