package forecast

import "math"

// profileCycles is how many of the last long cycles a profile looks back.
const profileCycles = 16

// profile forecasts each phase of the longest cycle by its median over the last
// sixteen cycles: what an ordinary week looks like, whatever last week was.
func profile(in *input, origin int, out []float64) {
	m := cycleAt(in.cycles, origin, 2)
	var near [profileCycles]float64
	for i := range out {
		if i >= m {
			out[i] = out[i-m]
			continue
		}
		k := 0
		for q := origin - m + i; q >= 0 && k < profileCycles; q -= m {
			near[k] = in.y[q]
			k++
		}
		out[i] = medianInPlace(near[:k])
	}
}

// The level-adjusted profile: weights fall by discount a cycle over levelCycles
// cycles, and the level follows the last short cycle with power levelPower.
const (
	levelCycles = 4
	discount    = 0.6
	levelPower  = 0.8
)

// levelProfile is the mean of the last four long cycles with weights 0.6^k,
// times the ratio of the last short cycle to the same hours of that profile, to
// the power 0.8.
func levelProfile(in *input, origin int, out []float64) {
	m := cycleAt(in.cycles, origin, 2)
	short := min(in.mainCycle(), m)
	now, before := 0.0, 0.0
	for t := max(m, origin-short); t < origin; t++ {
		now += in.y[t]
		before += discounted(in.y, t-m, m)
	}
	ratio := 1.0
	if now > 0 && before > 0 {
		ratio = math.Pow(now/before, levelPower)
	}
	for i := range out {
		if i >= m {
			out[i] = out[i-m]
			continue
		}
		out[i] = ratio * discounted(in.y, origin-m+i, m)
	}
}

// discounted is the mean of y[t], y[t-m], … with falling weights.
func discounted(y []float64, t, m int) float64 {
	sum, weights, w := 0.0, 0.0, 1.0
	for k := 0; k < levelCycles && t >= 0; k++ {
		sum += w * y[t]
		weights += w
		w *= discount
		t -= m
	}
	return sum / weights
}
