package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
)

// sampler draws paths around a forecast. A path is
//
//	value = forecast + unit·error(g)
//
// where g is a standard normal per step, correlated along the path by a
// first-order autoregression and a part common to the whole path, and error maps
// its quantiles to those of the errors seen. So steps err as they did, and sums
// keep the way errors add up.
type sampler struct {
	in     *input
	path   []float64    // scaled
	bounds [][4]float64 // 2.5, 10, 90, 97.5 % of the errors at each step
	unit   []float64    // size of errors at each step, drift included
	spread Spread
}

func newSampler(in *input, path []float64, s Spread) sampler {
	bounds, unit := make([][4]float64, len(path)), make([]float64, len(path))
	base := in.start + int64(len(in.y))
	for i, v := range path {
		unit[i] = s.unit(i, base+int64(i), v)
		bounds[i] = s.bounds(i, unit[i])
		unit[i] *= s.widen(i)
	}
	return sampler{in: in, path: slices.Clone(path), bounds: bounds, unit: unit, spread: s}
}

// Paths draws n sample paths of the horizon, in the caller's unit. The same
// forecast, n and seed give the same paths; each is a possible future, so sums,
// maxima and prices may be computed path by path. Their mean is that of the
// forecast but for chance.
func (f *Forecast) Paths(n int, seed uint64) [][]float64 {
	paths := rows(n, len(f.Mean))
	l, law := newLuck(seed), f.sampler.law()
	for i, p := range paths {
		l.begin(i)
		f.sampler.draw(&l, law, p)
		f.sampler.in.restore(p)
	}
	return paths
}

// draw writes one path, scaled, by the law of the sampler, computed once.
func (s *sampler) draw(l *luck, law pathLaw, out []float64) {
	common, own := law.commonAt(l.fate), law.own
	rho := s.spread.Serial
	fresh := math.Sqrt(1 - rho*rho)
	g := l.steps.NormFloat64()
	for i, v := range s.path {
		out[i] = v + s.unit[i]*(s.spread.errorAt(common+own*g)-law.centre)
		if law.gains != nil {
			out[i] = l.regain(math.Max(0, out[i]), law.gains[i], s.in.discrete)
		}
		g = rho*g + fresh*l.steps.NormFloat64()
	}
}

// luck is the random numbers of one path after another. Each path begins its
// own, one sequence for the steps and one for the whole, so that forecasts of
// different spread draw the same fate from the same seed.
type luck struct {
	seed        uint64
	stepSource  *rand.PCG
	wholeSource *rand.PCG
	steps       *rand.Rand
	whole       *rand.Rand
	order       []int   // of the parts of fate
	fate        float64 // of the whole path, uniform from 0 to fateSteps
}

func newLuck(seed uint64) luck {
	l := luck{seed: seed, stepSource: rand.NewPCG(0, 0), wholeSource: rand.NewPCG(0, 0)}
	l.steps, l.whole = rand.New(l.stepSource), rand.New(l.wholeSource)
	return l
}

// begin turns to a path. Each run of fateSteps paths has one fate out of each
// equally likely part, in random order: chance then moves their mean little.
func (l *luck) begin(path int) {
	if path%fateSteps == 0 || l.order == nil {
		l.order = rand.New(rand.NewPCG(^l.seed, uint64(path/fateSteps))).Perm(fateSteps)
	}
	l.stepSource.Seed(l.seed, uint64(2*path))
	l.wholeSource.Seed(l.seed, uint64(2*path+1))
	l.fate = float64(l.order[path%fateSteps]) + l.whole.Float64()
}

// regain gives a value cut off at zero its mean back. Of counts, some are left
// out rather than all made smaller: rare calls come seldom, not in fractions.
func (l *luck) regain(v, gain float64, counts bool) float64 {
	if !counts || gain >= 1 {
		return v * gain
	}
	if l.whole.Float64() < gain {
		return v
	}
	return 0
}

// Total is the sum of a horizon with its own intervals, which are narrower than
// sums of the steps' bounds: errors of single steps partly cancel.
type Total struct {
	Mean, Lo80, Hi80, Lo95, Hi95 float64
}

// totalPaths is how many paths an interval of a total rests on.
const totalPaths = 1000

// Total returns the sum of the forecast with intervals from 1000 sample paths.
// Those of counts are whole numbers.
// Always Lo95 ≤ Lo80 ≤ Mean ≤ Hi80 ≤ Hi95.
func (f *Forecast) Total(seed uint64) Total {
	l := newLuck(seed)
	sums, path := make([]float64, totalPaths), make([]float64, len(f.Mean))
	law := f.sampler.law()
	for i := range sums {
		l.begin(i)
		f.sampler.draw(&l, law, path)
		sums[i] = f.sampler.in.unscale(sumOf(path))
	}
	slices.Sort(sums)
	at := func(p float64) float64 { return sums[int(p*float64(totalPaths-1))] }
	mean := f.sampler.in.unscale(sumOf(f.sampler.path))
	t := Total{Mean: mean, Lo80: min(mean, at(0.1)), Hi80: max(mean, at(0.9))}
	t.Lo95, t.Hi95 = min(t.Lo80, at(0.025)), max(t.Hi80, at(0.975))
	if f.sampler.in.discrete {
		// Counts sum up to whole numbers, so only those need holding.
		t.Lo80, t.Lo95 = math.Floor(t.Lo80), math.Floor(t.Lo95)
		t.Hi80, t.Hi95 = math.Ceil(t.Hi80), math.Ceil(t.Hi95)
		return t
	}
	t.within(f)
	return t
}

// within keeps the intervals inside the sums of the steps' bounds: it cannot be
// worse than all steps off at once. Not so for counts: a call that is rare at
// every step is still likely to come at one of them.
func (t *Total) within(f *Forecast) {
	t.Lo80, t.Hi80 = max(t.Lo80, sumOf(f.Lo80)), min(t.Hi80, sumOf(f.Hi80))
	t.Lo95, t.Hi95 = max(t.Lo95, sumOf(f.Lo95)), min(t.Hi95, sumOf(f.Hi95))
	t.Lo80, t.Hi80 = min(t.Lo80, t.Mean), max(t.Hi80, t.Mean)
	t.Lo95, t.Hi95 = min(t.Lo95, t.Lo80), max(t.Hi95, t.Hi80)
}
