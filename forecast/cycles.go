package forecast

import "slices"

// usableCycles returns the cycles that n values hold at least twice, ascending
// and without repeats. A day of hours implies the week: "hour of week" carries
// what hour of day cannot, and costs nothing where it does not help.
func usableCycles(n, period int, periods []int) []int {
	all := append(slices.Clone(periods), period)
	if slices.Contains(all, hoursOfDay) {
		all = append(all, hoursOfWeek)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(m int) bool { return m < 2 || n < 2*m })
}

// The one pair of cycles of which the shorter implies the longer.
const (
	hoursOfDay  = 24
	hoursOfWeek = 168
)

// cycleAt returns the longest of the cycles that fits at least times times
// before origin, or one if none does.
func cycleAt(cycles []int, origin, times int) int {
	for _, m := range slices.Backward(cycles) {
		if origin >= times*m {
			return m
		}
	}
	return 1
}

// phaseMeans returns the mean of y for each phase of a cycle, phase t mod m.
func phaseMeans(y []float64, m int) []float64 {
	mean, count := make([]float64, m), make([]float64, m)
	for t, p := 0, 0; t < len(y); t++ {
		mean[p] += y[t]
		count[p]++
		if p++; p == m {
			p = 0
		}
	}
	for p := range mean {
		mean[p] /= max(count[p], 1)
	}
	return mean
}

// classical returns the additive seasonal figure of cycle m by the classical
// decomposition: mean deviation of each phase (t mod m) from a centred moving
// average, adjusted to sum to zero. Needs at least two cycles.
// Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd
// ed., section 3.4.
func classical(y []float64, m int) []float64 {
	figure, count := make([]float64, m), make([]float64, m)
	half := m / 2
	window := 0.0 // sum of y[t-half .. t+half]
	for _, v := range y[:min(len(y), 2*half)] {
		window += v
	}
	for t := half; t+half < len(y); t++ {
		window += y[t+half]
		sum := window
		if m%2 == 0 { // 2×m average: the ends count half
			sum -= (y[t-half] + y[t+half]) / 2
		}
		figure[t%m] += y[t] - sum/float64(m)
		count[t%m]++
		window -= y[t-half]
	}
	total := 0.0
	for p := range figure {
		figure[p] /= max(count[p], 1)
		total += figure[p]
	}
	for p := range figure {
		figure[p] -= total / float64(m)
	}
	return figure
}
