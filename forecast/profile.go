package forecast

import "math"

// profile forecasts each phase of the longest cycle by the median of the cycles
// before, each older one counting less: what an ordinary week looks like,
// whatever last week was, and lately more than long ago. Source: the weighted
// median minimises the weighted sum of absolute errors (Edgeworth, Hermathena 6
// (1887), 279-285), here with the weights of exponential smoothing (Brown,
// Statistical Forecasting for Inventory Control, 1959).
type profile struct {
	decay  float64 // weight of a cycle against the one after it
	cycles int     // how many are looked at
}

// profiles are the two lengths of memory: ten cycles or so, and twenty.
var profiles = map[Method]profile{
	Profile:     {decay: 0.9, cycles: 26},
	LongProfile: {decay: 0.95, cycles: 52},
}

// forecast writes the path from an origin.
func (p profile) forecast(in *input, origin int, out []float64) {
	m := cycleAt(in.cycles, origin, 2)
	values, weights := make([]float64, 0, p.cycles), make([]float64, 0, p.cycles)
	for i := range out {
		if i >= m {
			out[i] = out[i-m]
			continue
		}
		values, weights = values[:0], weights[:0]
		w := 1.0
		for q := origin - m + i; q >= 0 && len(values) < p.cycles; q -= m {
			values, weights = append(values, in.y[q]), append(weights, w)
			w *= p.decay
		}
		out[i] = weightedMedian(values, weights)
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
