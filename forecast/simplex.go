package forecast

import "math"

// Settings of the search.
const (
	simplexStep = 1.0
	// simplexTolerance ends the search when best and worst corner differ by less
	// than this share of the best.
	simplexTolerance = 1e-5
)

// minimise searches for the least value of f from x by the simplex method of
// Nelder and Mead, Computer Journal 7 (1965), 308-313, with their coefficients
// (reflect 1, expand 2, contract and shrink 1/2), and returns where it is. It
// ends after evalsPerParam evaluations for each parameter.
//
// gonum/optimize has the same method; it costs about a microsecond and several
// allocations more for each evaluation, as much as the evaluation itself
// (BenchmarkMinimise), so this one is used.
func minimise(x []float64, f func([]float64) float64) []float64 {
	s := newSimplex(x, f)
	for s.evals < evalsPerParam*len(x) {
		s.sort()
		best, worst := s.value[0], s.value[len(x)]
		if worst-best <= simplexTolerance*math.Abs(best) {
			break
		}
		s.improve()
	}
	s.sort()
	return s.corner[0]
}

// simplex is a set of n+1 corners in n dimensions.
type simplex struct {
	f        func([]float64) float64
	corner   [][]float64
	value    []float64
	centroid []float64
	trial    [2][]float64
	evals    int
}

func newSimplex(x []float64, f func([]float64) float64) *simplex {
	n := len(x)
	s := &simplex{f: f, centroid: make([]float64, n), value: make([]float64, n+1)}
	s.trial = [2][]float64{make([]float64, n), make([]float64, n)}
	for i := range n + 1 {
		c := append([]float64(nil), x...)
		if i > 0 {
			c[i-1] += simplexStep
		}
		s.corner = append(s.corner, c)
		s.value[i] = s.eval(c)
	}
	return s
}

func (s *simplex) eval(x []float64) float64 {
	s.evals++
	v := s.f(x)
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

// sort orders the corners by value; the order of equals is kept.
func (s *simplex) sort() {
	for i := 1; i < len(s.value); i++ {
		for j := i; j > 0 && s.value[j] < s.value[j-1]; j-- {
			s.value[j], s.value[j-1] = s.value[j-1], s.value[j]
			s.corner[j], s.corner[j-1] = s.corner[j-1], s.corner[j]
		}
	}
}

// along sets x to the point at centroid + a·(c − centroid) and evaluates it.
func (s *simplex) along(x, c []float64, a float64) float64 {
	for i, m := range s.centroid {
		x[i] = m + a*(c[i]-m)
	}
	return s.eval(x)
}

// improve replaces the worst corner, or shrinks all towards the best.
func (s *simplex) improve() {
	n := len(s.centroid)
	clear(s.centroid)
	for _, c := range s.corner[:n] {
		for i, v := range c {
			s.centroid[i] += v / float64(n)
		}
	}
	worst := s.corner[n]
	reflected := s.along(s.trial[0], worst, -1)
	switch {
	case reflected < s.value[0]:
		if v := s.along(s.trial[1], worst, -2); v < reflected {
			s.replace(1, v)
			return
		}
		s.replace(0, reflected)
		return
	case reflected < s.value[n-1]:
		s.replace(0, reflected)
		return
	}
	toward := worst
	if reflected < s.value[n] {
		toward = s.trial[0]
	}
	if v := s.along(s.trial[1], toward, 0.5); v < math.Min(reflected, s.value[n]) {
		s.replace(1, v)
		return
	}
	s.shrink()
}

// replace puts trial t in the place of the worst corner.
func (s *simplex) replace(t int, v float64) {
	n := len(s.centroid)
	s.corner[n], s.trial[t] = s.trial[t], s.corner[n]
	s.value[n] = v
}

func (s *simplex) shrink() {
	for i := 1; i < len(s.corner); i++ {
		for k, b := range s.corner[0] {
			s.corner[i][k] = b + (s.corner[i][k]-b)/2
		}
		s.value[i] = s.eval(s.corner[i])
	}
}
