package forecast

// Settings of the shape profile.
const (
	// shapeCycles is how many of the last cycles tell the shape.
	shapeCycles = 52
	// shapeLevelDecay is the weight of a cycle's level against that of the next.
	shapeLevelDecay = 0.9
)

// shapeProfile takes level and shape apart, since a level moves faster than the
// shape of a week does: the level is the discounted mean of the cycles' means,
// the shape the median over a year of weeks of each phase's share of its cycle's
// mean, or of its distance from it where values may be negative. Sources: the
// ratio-to-average method of seasonal figures (Macaulay, The Smoothing of Time
// Series, 1931) with medians, as Census X-11 guards against odd values; the
// level: Brown, Statistical Forecasting for Inventory Control (1959).
func shapeProfile(in *input, origin int, out []float64) {
	m := cycleAt(in.cycles, origin, 2)
	cycles := min(shapeCycles, origin/m)
	y := in.y[origin-cycles*m : origin]
	usual := in.clean[origin-cycles*m : origin] // without lone outliers
	means := make([]float64, cycles)
	level, weights := 0.0, 0.0
	for c := range means {
		means[c] = meanOf(usual[c*m : (c+1)*m])
		level = shapeLevelDecay*level + means[c]
		weights = shapeLevelDecay*weights + 1
	}
	level /= weights
	figures := make([]float64, min(m, len(out)))
	near := make([]float64, 0, cycles)
	for p := range figures {
		near = near[:0]
		for c, mean := range means {
			near = appendFigure(near, y[c*m+p], mean, in.nonneg)
		}
		figures[p] = medianInPlace(near)
	}
	for i := range out {
		if f := figures[i%m]; in.nonneg {
			out[i] = level * f
		} else {
			out[i] = level + f
		}
	}
}

// appendFigure appends what a value is to the mean of its cycle: its ratio, or
// its distance. A cycle of zeros has no shape.
func appendFigure(to []float64, v, mean float64, ratio bool) []float64 {
	switch {
	case !ratio:
		return append(to, v-mean)
	case mean > 0:
		return append(to, v/mean)
	}
	return to
}
