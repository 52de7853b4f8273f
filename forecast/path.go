package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
)

// sampler draws paths around a forecast. A path is
//
//	value = forecast + error(g)
//
// where g is a standard normal per step, correlated along the path by a
// first-order autoregression and a part common to the whole path, and error maps
// its quantiles to those of the errors seen. So each step keeps the forecast's
// own intervals, and sums keep the way errors add up.
type sampler struct {
	in     *input
	path   []float64    // scaled
	bounds [][4]float64 // 2.5, 10, 90, 97.5 % of the errors at each step
	spread Spread
}

func newSampler(in *input, path []float64, s Spread) sampler {
	bounds := make([][4]float64, len(path))
	base := in.start + int64(len(in.y))
	for i, v := range path {
		bounds[i] = s.bounds(i, s.unit(i, base+int64(i), v))
	}
	return sampler{in: in, path: slices.Clone(path), bounds: bounds, spread: s}
}

// Paths draws n sample paths of the horizon, in the caller's unit. The same
// forecast, n and seed give the same paths; each is a possible future, so sums,
// maxima and prices may be computed path by path.
func (f *Forecast) Paths(n int, seed uint64) [][]float64 {
	paths := rows(n, len(f.Mean))
	r := rand.New(rand.NewPCG(seed, 0x1f83d9abfb41bd6b))
	for _, p := range paths {
		f.sampler.draw(r, p)
		f.sampler.in.restore(p)
	}
	return paths
}

// draw writes one path, scaled.
func (s *sampler) draw(r *rand.Rand, out []float64) {
	common := math.Sqrt(s.spread.Common) * r.NormFloat64()
	own := math.Sqrt(1 - s.spread.Common)
	rho := s.spread.Serial
	fresh := math.Sqrt(1 - rho*rho)
	g := r.NormFloat64()
	for i, v := range s.path {
		out[i] = v + errorAt(s.bounds[i], common+own*g)
		if s.in.nonneg && out[i] < 0 {
			out[i] = 0
		}
		g = rho*g + fresh*r.NormFloat64()
	}
}

// errorAt is the error at a standard normal value: linear between the median (no
// error) and the 80 and 95 % bounds, and beyond.
func errorAt(bounds [4]float64, g float64) float64 {
	lo, hi := bounds[2], bounds[3]
	if g < 0 {
		lo, hi = bounds[1], bounds[0]
		g = -g
	}
	if g <= z80 {
		return lo * g / z80
	}
	return lo + (hi-lo)*(g-z80)/(z95-z80)
}

// Total is the sum of a horizon with its own intervals, which are narrower than
// sums of the steps' bounds: errors of single steps partly cancel.
type Total struct {
	Mean, Lo80, Hi80, Lo95, Hi95 float64
}

// totalPaths is how many paths an interval of a total rests on.
const totalPaths = 1000

// Total returns the sum of the forecast with intervals from 1000 sample paths.
// Always Lo95 ≤ Lo80 ≤ Mean ≤ Hi80 ≤ Hi95.
func (f *Forecast) Total(seed uint64) Total {
	r := rand.New(rand.NewPCG(seed, 0x1f83d9abfb41bd6b))
	sums, path := make([]float64, totalPaths), make([]float64, len(f.Mean))
	for i := range sums {
		f.sampler.draw(r, path)
		sums[i] = f.sampler.in.unscale(sumOf(path))
	}
	slices.Sort(sums)
	at := func(p float64) float64 { return sums[int(p*float64(totalPaths-1))] }
	mean := f.sampler.in.unscale(sumOf(f.sampler.path))
	t := Total{Mean: mean, Lo80: min(mean, at(0.1)), Hi80: max(mean, at(0.9))}
	t.Lo95, t.Hi95 = min(t.Lo80, at(0.025)), max(t.Hi80, at(0.975))
	return t
}
