package forecast

import (
	"math"
	"slices"
)

// sumAbsDiff is Σ|a[i]-b[i]| over two slices of one length. Four sums run side
// by side: the additions of one sum wait for each other, and this is the inner
// loop of the search for repeating cycles.
func sumAbsDiff(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += math.Abs(a[i] - b[i])
		s1 += math.Abs(a[i+1] - b[i+1])
		s2 += math.Abs(a[i+2] - b[i+2])
		s3 += math.Abs(a[i+3] - b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += math.Abs(a[i] - b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// medianInPlace is the median of v, which it reorders; zero for no values.
func medianInPlace(v []float64) float64 {
	n := len(v)
	switch {
	case n == 0:
		return 0
	case n <= 16:
		insertionSort(v)
		return (v[n/2] + v[(n-1)/2]) / 2
	}
	hi := selectKth(v, n/2)
	if n%2 == 1 {
		return hi
	}
	return (hi + slices.Max(v[:n/2])) / 2
}

func insertionSort(v []float64) {
	for i := 1; i < len(v); i++ {
		x := v[i]
		j := i
		for ; j > 0 && v[j-1] > x; j-- {
			v[j] = v[j-1]
		}
		v[j] = x
	}
}

// selectKth reorders v so that v[k] is its k-th smallest value, none before it
// is larger, and returns it. Source: Hoare's quickselect with the median of
// three as pivot; linear time on average.
func selectKth(v []float64, k int) float64 {
	lo, hi := 0, len(v)-1
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		pivot := max(min(v[lo], v[mid]), min(max(v[lo], v[mid]), v[hi]))
		i, j := lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return v[k]
		}
	}
	return v[k]
}

func sumOf(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}

func meanOf(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return sumOf(v) / float64(len(v))
}
