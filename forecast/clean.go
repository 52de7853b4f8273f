package forecast

import (
	"math"
	"slices"
)

// Outliers: how many cycles back the expectation looks, and how many robust
// standard deviations off it a lone value must be to count as one.
const (
	outlierCycles = 4
	outlierSpread = 3.5
)

// replaceOutliers returns y with lone outliers replaced by what their phase of
// the cycle had before. The expectation of y[t] is the median of the same phase
// in the four cycles before (after, at the start); the spread is the median
// absolute deviation of all values from theirs, times 1.4826 to make it a
// standard deviation under normality. A value is replaced when it is more than
// 3.5 spreads off and at most one of its four neighbours is half as far off on
// the same side: a level shift, a burst or a broad peak stays. Returns y itself
// when nothing is off.
func replaceOutliers(y []float64, cycles []int) []float64 {
	m := cycleAt(cycles, len(y), outlierCycles)
	if len(cycles) > 0 && m == 1 {
		m = cycles[0]
	}
	resid := make([]float64, len(y))
	size := make([]float64, len(y))
	for t := range y {
		resid[t] = y[t] - phaseMedian(y, t, m)
		size[t] = math.Abs(resid[t])
	}
	limit := outlierSpread * 1.4826 * medianInPlace(size)
	if limit == 0 {
		return y
	}
	var out []float64
	for t, r := range resid {
		if math.Abs(r) <= limit || neighboursOff(resid, t, limit/2) > 1 {
			continue
		}
		if out == nil {
			out = slices.Clone(y)
		}
		out[t] = y[t] - r
	}
	if out == nil {
		return y
	}
	return out
}

// phaseMedian is the median of y at the phase of t in the cycles before t, or
// after it where fewer than two lie before.
func phaseMedian(y []float64, t, m int) float64 {
	var near [outlierCycles]float64
	k := 0
	for q := t - m; q >= 0 && k < outlierCycles; q -= m {
		near[k] = y[q]
		k++
	}
	if k < 2 {
		for q := t + m; q < len(y) && k < outlierCycles; q += m {
			near[k] = y[q]
			k++
		}
	}
	if k == 0 {
		return y[t]
	}
	return medianInPlace(near[:k])
}

// neighboursOff counts how many of the two values on each side of t are off by
// more than limit on the same side as t.
func neighboursOff(resid []float64, t int, limit float64) int {
	off := 0
	for q := max(0, t-2); q <= min(len(resid)-1, t+2); q++ {
		if q != t && math.Abs(resid[q]) > limit && (resid[q] > 0) == (resid[t] > 0) {
			off++
		}
	}
	return off
}
