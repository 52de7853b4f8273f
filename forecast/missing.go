package forecast

import (
	"fmt"
	"math"
)

// fill returns a copy of v from its first observed value on, with each gap
// closed by the value one cycle earlier, or, before the first cycle is over, by
// the last value seen. seen is nil when nothing was missing.
func fill(v []float64, cycle int) (y []float64, seen []bool, missing int) {
	first := 0
	for first < len(v) && !finite(v[first]) {
		first++
	}
	y = append(make([]float64, 0, len(v)-first), v[first:]...)
	for i, x := range y {
		if finite(x) {
			continue
		}
		if seen == nil {
			seen = make([]bool, len(y))
			for k := range seen {
				seen[k] = true
			}
		}
		seen[i] = false
		missing++
		if cycle > 1 && i >= cycle {
			y[i] = y[i-cycle]
		} else {
			y[i] = y[i-1]
		}
	}
	return y, seen, missing
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// missingWarnings tells what fill had to do: whole is the length given, n the
// length kept, missing the gaps filled in it.
func missingWarnings(whole, n, missing int) []string {
	var w []string
	if lead := whole - n; lead > 0 && n > 0 {
		w = append(w, fmt.Sprintf("the first %d values are missing and were left out", lead))
	}
	if missing > 0 {
		w = append(w, fmt.Sprintf("%d of %d values are missing and were filled in", missing, n))
	}
	return w
}

// lengthWarnings tells when a history is too short for what was asked.
func lengthWarnings(n, period int) []string {
	var w []string
	if n < 8 {
		w = append(w, fmt.Sprintf("%d values are too few to validate a model", n))
	}
	if period > 1 && n < 2*period {
		w = append(w, fmt.Sprintf(
			"%d values hold less than two cycles of %d steps: the cycle was not used", n, period))
	}
	return w
}

// maxDistinct bounds the distinct values of a series of counts.
const maxDistinct = 200

// isDiscrete tells whether y holds whole numbers at or above zero of which few
// differ: at most a tenth of the length, at least ten and at most maxDistinct.
func isDiscrete(y []float64) bool {
	limit := min(max(10, len(y)/10), maxDistinct)
	distinct := make(map[float64]struct{}, 16)
	for _, v := range y {
		if v < 0 || v != math.Trunc(v) || v > 1<<53 {
			return false
		}
		distinct[v] = struct{}{}
		if len(distinct) > limit {
			return false
		}
	}
	return true
}
