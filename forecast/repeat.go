package forecast

import "math"

// copies is how many earlier cycles a repeating forecast takes the median of:
// three outvote one missed or doubled run of a timer.
const copies = 3

// repeat finds the lag at which the recent past repeats itself best and
// forecasts the median of the last three cycles of that lag. Timers repeat
// exactly, at lags nobody told us; on other series the lag is one or a cycle.
type repeat struct {
	maxLag int // longest lag tried
	window int // how many values before the origin are compared
}

func (r repeat) run(in *input, j job) []float64 {
	lags := r.lags(in.y, j.origins)
	for i, o := range j.origins {
		medianOfCopies(in.y, o, lags[i], j.out[i])
	}
	return []float64{float64(lags[len(lags)-1])}
}

func (r repeat) again(in *input, params, out []float64) bool {
	if len(params) != 1 || !(params[0] >= 1 && params[0] <= float64(len(in.y))) {
		return false
	}
	medianOfCopies(in.y, len(in.y), int(params[0]), out)
	return true
}

// lags returns for each origin the lag with the least mean absolute difference
// over the window before it; of equals the shortest. A lag must leave room for
// three cycles.
func (r repeat) lags(y []float64, origins []int) []int {
	best := make([]int, len(origins))
	least := make([]float64, len(origins))
	for i := range origins {
		best[i], least[i] = 1, math.Inf(1)
	}
	for lag := 1; lag <= r.maxLag; lag++ {
		for i, o := range origins {
			if lag > max(1, o/copies) || o <= lag {
				continue
			}
			from := max(lag, o-r.window)
			// A clear gain is asked for: a multiple of the true lag is as good.
			limit := 0.999 * least[i] * float64(o-from)
			if sum := r.compare(y, from, o, lag, limit); sum < limit {
				best[i], least[i] = lag, sum/float64(o-from)
			}
		}
	}
	return best
}

// compare sums the differences over [from, to), latest first, and gives up
// once they pass the limit.
func (r repeat) compare(y []float64, from, to, lag int, limit float64) float64 {
	const block = 32
	sum := 0.0
	for to > from && sum < limit {
		lo := max(from, to-block)
		sum += sumAbsDiff(y[lo:to], y[lo-lag:to-lag])
		to = lo
	}
	return sum
}

// medianOfCopies writes the median of the last three cycles of m values.
func medianOfCopies(y []float64, origin, m int, out []float64) {
	for i := range out {
		if i >= m {
			out[i] = out[i-m]
			continue
		}
		var v [copies]float64
		k := 0
		for q := origin - m + i; q >= 0 && k < copies; q -= m {
			v[k] = y[q]
			k++
		}
		out[i] = medianInPlace(v[:k])
	}
}
