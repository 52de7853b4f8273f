package forecast

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// fateSteps is how many equally likely parts stand for the law of what a whole
	// path has in common. It is even and divides the numbers of paths that are drawn
	// here and by the packages above.
	fateSteps = 50
	// fateEnd is the quantile beyond which that law is cut off. The 95 % bounds
	// end before it, and few folds say nothing of what lies further: with one
	// degree of freedom the law would have no mean at all.
	fateEnd = 0.98
)

// pathLaw is what the paths of a sampler are drawn by, so that their mean is
// the forecast.
type pathLaw struct {
	common []float64 // normal value in common, by equally likely parts
	own    float64   // weight of each step's own normal value
	centre float64   // mean of the standardised errors so drawn
	gains  []float64 // factor of each step cut off at zero; nil where none is
}

// law works out the law of the paths.
func (s *sampler) law() pathLaw {
	l := pathLaw{common: s.spread.fates(), own: math.Sqrt(1 - s.spread.Common)}
	errs := make([]float64, 0, len(l.common)*shapeSteps)
	for _, c := range l.common {
		for _, g := range normalSteps {
			errs = append(errs, s.spread.errorAt(c+l.own*g))
		}
	}
	l.centre = meanOf(errs)
	if s.in.nonneg {
		for i := range errs {
			errs[i] -= l.centre
		}
		l.gains = s.gains(errs)
	}
	return l
}

// fates are the medians of the equally likely parts of what a path has in
// common: Student's law, as few folds tell its variance.
func (s *Spread) fates() []float64 {
	if s.Common == 0 {
		return []float64{0}
	}
	quantile := distuv.UnitNormal.Quantile
	if s.Folds > 0 {
		quantile = distuv.StudentsT{Sigma: 1, Nu: s.Folds}.Quantile
	}
	v, weight := make([]float64, fateSteps), math.Sqrt(s.Common)
	for i := range fateSteps / 2 {
		p := (float64(i) + 0.5) / fateSteps
		v[i] = weight * quantile(math.Max(p, 1-fateEnd))
		v[fateSteps-1-i] = -v[i]
	}
	return v
}

// commonAt is the part in common of a fate between 0 and fateSteps: linear
// between the medians.
func (l *pathLaw) commonAt(fate float64) float64 {
	last := len(l.common) - 1
	if last == 0 {
		return l.common[0]
	}
	at := math.Max(0, math.Min(float64(last), fate-0.5))
	i := min(int(at), last-1)
	return l.common[i] + (at-float64(i))*(l.common[i+1]-l.common[i])
}

// gains are the factors that give values cut off at zero the mean of the
// forecast again, where errs are equally likely standardised errors, which it
// sorts. Without them the sum of a path of rare counts would be far too large:
// what lies below zero is lost, what lies above is not.
func (s *sampler) gains(errs []float64) []float64 {
	slices.Sort(errs)
	n := len(errs)
	above := make([]float64, n+1) // sum of errs from each on
	for i := n - 1; i >= 0; i-- {
		above[i] = above[i+1] + errs[i]
	}
	gains := make([]float64, len(s.path))
	for i, v := range s.path {
		first := sort.Search(n, func(k int) bool { return v+s.unit[i]*errs[k] > 0 })
		gains[i] = 1
		if cut := v*float64(n-first) + s.unit[i]*above[first]; cut > 0 {
			gains[i] = v * float64(n) / cut
		}
	}
	return gains
}
