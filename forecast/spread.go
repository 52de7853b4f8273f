package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Settings of the intervals.
const (
	// levelExponent: errors of values that cannot be negative grow with the level
	// to this power; half-way between "not at all" and Poisson.
	levelExponent = 0.4
	// levelFloor keeps the spread of near-zero phases off zero, as a share of the
	// mean level.
	levelFloor = 0.1
	// phasePrior is how many errors of average size are added to each phase.
	phasePrior = 20
	// spreadDecay discounts errors for each horizon of age.
	spreadDecay = 0.6
	// driftPrior is the weight, in cubed independent horizons, of the random walk
	// of the level against the spread that the folds showed.
	driftPrior = 6
	// drift80 is the share of that widening that the 80 % bounds take: a level that
	// moves is a rare event, so it fattens the tail more than the middle.
	drift80 = 0.6
	// tailRatio is the 95 % quantile of absolute errors over the 80 % one that is
	// expected beforehand: 1.53 for normal errors, 1.86 for Laplace's, and usage
	// lies nearer to the latter. tailShare is how far the errors seen, of which few
	// lie in the tail, outweigh it.
	tailRatio, tailShare = 1.75, 0.7
	// totalOptimism multiplies the variance of whole paths' errors, and freedomShare
	// their degrees of freedom: weights were chosen and some parameters fitted by
	// the same few folds that tell this variance, so what comes errs by more.
	totalOptimism, freedomShare = 1.3, 0.75
	// count80 is the quantile of the errors of counts that bounds them with 80 %.
	// A bound that reaches a whole number holds all of its cases, so the plain
	// quantile would hold 87 %.
	count80 = 0.7
)

// Normal quantiles of the two intervals.
const (
	z80 = 1.2815515655446004
	z95 = 1.959963984540054
)

// Spread describes the errors of a forecast: how they grow over the horizon,
// differ by phase of the cycle and by level, how they are distributed, and how
// they hang together. It comes from the errors of the combined forecast at past
// origins (conformal prediction: Stankevičiūtė, Alaa & van der Schaar, NeurIPS
// 2021), so it holds whatever model was right.
type Spread struct {
	// Size is the mean absolute standardised error; Growth the power of the step
	// by which it grows, with Size·First at the first step.
	Size, First, Growth float64
	// Phase multiplies by position in the main cycle; empty for none.
	Phase []float64 `json:",omitempty"`
	// Level is the mean size of values; zero when errors do not follow the level.
	Level float64
	// Drift is the variance by which the level may move in one step beyond what
	// the folds showed, DriftShare its weight.
	Drift, DriftShare float64
	// Knots are the 2.5, 10, 90 and 97.5 % quantiles of the standardised error.
	Knots [4]float64
	// Shape is the distribution that sample paths draw standardised errors from:
	// its quantiles at the normal values of shapeAt. Unlike Knots it need not have
	// its middle at zero: rare counts err by much above and by little below.
	Shape [shapeKnots]float64
	// Serial is the correlation of neighbouring steps, Common the share of
	// variance that a whole path has in common.
	Serial, Common float64
	// Folds is how many independent horizons Common rests on, less what choosing by
	// them took: the part in common has Student's distribution with so many degrees
	// of freedom.
	Folds float64
}

// errorsOf are the errors of the combined forecast at past origins.
type errorsOf struct {
	in    *input
	f     folds
	paths [][]float64 // combined forecast of each past origin
	resid [][]float64 // actual less forecast; NaN where not observed
	decay []float64   // weight of each fold
}

func newErrors(in *input, f folds, paths [][]float64) errorsOf {
	e := errorsOf{in: in, f: f, paths: paths[:f.count()]}
	for i, p := range e.paths {
		r := make([]float64, f.known(i))
		for a := range r {
			r[a] = math.NaN()
			if t := f.origins[i] + a; in.observed(t) {
				r[a] = in.y[t] - p[a]
			}
		}
		e.resid = append(e.resid, r)
		age := float64(len(in.y)-f.origins[i]) / float64(f.horizon)
		e.decay = append(e.decay, math.Pow(spreadDecay, age))
	}
	return e
}

// each calls do for every known error, standardised by the spread so far.
func (e errorsOf) each(s *Spread, do func(fold, step int, z float64)) {
	for i, r := range e.resid {
		base := e.in.start + int64(e.f.origins[i])
		for a, v := range r {
			if !math.IsNaN(v) {
				do(i, a, v/s.unit(a, base+int64(a), e.paths[i][a]))
			}
		}
	}
}

// unit is the size of errors at a step, relative to Size, at time t where the
// forecast is v. Drift is left out: it belongs to the future alone.
func (s *Spread) unit(step int, t int64, v float64) float64 {
	u := s.First * math.Pow(float64(step+1), s.Growth)
	if m := int64(len(s.Phase)); m > 0 {
		u *= s.Phase[((t%m)+m)%m]
	}
	if s.Level > 0 {
		u *= s.levelUnit(v)
	}
	return u
}

// newSpread learns the spread from the errors of past origins; without any it
// falls back on the changes within the history.
func newSpread(in *input, f folds, paths [][]float64) Spread {
	if f.count() == 0 {
		return naiveSpread(in)
	}
	e := newErrors(in, f, paths)
	s := Spread{First: 1}
	if in.nonneg {
		s.Level = meanOf(in.y)
	}
	s.setGrowth(e)
	if s.Size == 0 {
		return s
	}
	s.setPhase(e)
	s.setDependence(e)
	s.setKnots(e)
	s.setDrift(in, f, paths[f.count()])
	return s
}

// naiveSpread is the spread of a random walk with the history's own steps, with
// the Student quantiles of as many degrees of freedom as there were steps.
func naiveSpread(in *input) Spread {
	s := Spread{First: 1, Growth: 0.5, Size: in.change, Serial: 0.9}
	if in.change == 0 {
		return s
	}
	t := distuv.StudentsT{Sigma: 1, Nu: float64(max(1, len(in.y)-1))}
	hi80, hi95 := s.Size*deviation*t.Quantile(0.9), s.Size*deviation*t.Quantile(0.975)
	s.Knots = [4]float64{-hi95, -hi80, hi80, hi95}
	for i, g := range shapeAt {
		s.Shape[i] = g * hi80 / z80
	}
	return s
}

// growthBlocks is how many parts of the horizon the growth is read from.
func growthBlocks(h int) int {
	switch {
	case h < 2:
		return 1
	case h < 8:
		return 2
	}
	return 4
}

// setGrowth fits Size·First·step^Growth to the mean absolute errors of a few
// parts of the horizon, each shrunk a little to the mean of all and not allowed
// to fall, with the power between zero (bounded) and one (a lasting trend).
func (s *Spread) setGrowth(e errorsOf) {
	h := e.f.horizon
	blocks := growthBlocks(h)
	sum, count := make([]float64, blocks), make([]float64, blocks)
	e.each(s, func(_, step int, z float64) {
		b := step * blocks / h
		sum[b] += math.Abs(z)
		count[b]++
	})
	n := sumOf(count)
	if n == 0 {
		return
	}
	s.Size = sumOf(sum) / n
	if s.Size == 0 {
		return
	}
	mean := make([]float64, blocks)
	prior := n / float64(blocks) / 2
	for b := range mean {
		mean[b] = (sum[b] + s.Size*prior) / (count[b] + prior)
	}
	poolAdjacent(mean)
	s.fitPower(mean, h)
}

// fitPower regresses log size on log step over the blocks.
func (s *Spread) fitPower(mean []float64, h int) {
	var sx, sy, sxx, sxy float64
	k := float64(len(mean))
	for b, m := range mean {
		x := math.Log((float64(b)+0.5)*float64(h)/k + 0.5)
		y := math.Log(m / s.Size)
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := sxx - sx*sx/k; d > 0 {
		s.Growth = math.Max(0, math.Min(1, (sxy-sx*sy/k)/d))
	}
	s.First = math.Exp((sy - s.Growth*sx) / k)
}

// setPhase learns which phases of the main cycle err more, when the horizon
// spans it, from each phase and half of its two neighbours.
func (s *Spread) setPhase(e errorsOf) {
	m := e.in.mainCycle()
	if m < 2 || e.f.horizon < m {
		return
	}
	sum, count := make([]float64, m), make([]float64, m)
	e.each(s, func(fold, step int, z float64) {
		t := e.in.start + int64(e.f.origins[fold]+step)
		p := ((t % int64(m)) + int64(m)) % int64(m)
		sum[p] += math.Abs(z)
		count[p]++
	})
	phase := make([]float64, m)
	for p := range phase {
		l, r := (p+m-1)%m, (p+1)%m
		total := sum[p] + (sum[l]+sum[r])/2
		n := count[p] + (count[l]+count[r])/2
		phase[p] = (total/s.Size + phasePrior) / (n + phasePrior)
	}
	s.Phase = phase
}

// setDependence learns how errors hang together: neighbouring steps, and what a
// whole path has in common beyond that.
func (s *Spread) setDependence(e errorsOf) {
	var square, cross float64
	last, lastFold := math.NaN(), -1
	e.each(s, func(fold, _ int, z float64) {
		square += z * z
		if fold == lastFold {
			cross += z * last
		}
		last, lastFold = z, fold
	})
	if square == 0 {
		return
	}
	s.Serial = math.Max(0, math.Min(0.99, cross/square))
	s.Folds = math.Max(1, freedomShare*e.folds())
	own := meanVariance(s.Serial, e.f.horizon)
	if own < 1 {
		s.Common = math.Max(0, math.Min(0.95, (totalOptimism*s.between(e)-own)/(1-own)))
	}
}

// folds is the number of independent horizons that the weights leave: Kish's
// effective sample size, at least one.
func (e errorsOf) folds() float64 {
	sum, square := 0.0, 0.0
	for i, w := range e.decay {
		w *= float64(len(e.resid[i])) / float64(e.f.horizon)
		sum, square = sum+w, square+w*w
	}
	if square == 0 {
		return 1
	}
	return math.Max(1, sum*sum/square*float64(e.f.step)/float64(e.f.horizon))
}

// meanVariance is the variance of the mean of n values of a first-order
// autoregression with unit variance: (1 + 2Σ(1−k/n)ρ^k)/n in closed form.
func meanVariance(rho float64, n int) float64 {
	k := float64(n)
	if rho >= 1 {
		return 1
	}
	tail := rho * (1 - math.Pow(rho, k)) / (k * (1 - rho) * (1 - rho))
	return ((1+rho)/(1-rho) - 2*tail) / k
}

// between is the share of squared error that lies in the folds' mean errors.
func (s *Spread) between(e errorsOf) float64 {
	mean, count := make([]float64, e.f.count()), make([]float64, e.f.count())
	total := 0.0
	e.each(s, func(fold, _ int, z float64) {
		mean[fold] += z
		count[fold]++
		total += e.decay[fold] * z * z
	})
	if total == 0 {
		return 0
	}
	share := 0.0
	for i, n := range count {
		if n > 0 {
			share += e.decay[i] * mean[i] * mean[i] / n
		}
	}
	return math.Min(1, share/total)
}

// weighted is a value with a weight.
type weighted struct{ v, w float64 }

// setKnots takes the quantiles of the standardised errors, half from their
// signed, half from their absolute values: the shape may be lopsided, but few
// errors cannot tell by how much. Student's quantiles over normal ones widen
// them for the number of folds they rest on.
func (s *Spread) setKnots(e errorsOf) {
	var signed, size []weighted
	e.each(s, func(fold, _ int, z float64) {
		signed = append(signed, weighted{z, e.decay[fold]})
		size = append(size, weighted{math.Abs(z), e.decay[fold]})
	})
	byValue := func(a, b weighted) int {
		switch {
		case a.v < b.v:
			return -1
		case a.v > b.v:
			return 1
		}
		return 0
	}
	slices.SortFunc(signed, byValue)
	slices.SortFunc(size, byValue)
	middle := 0.8
	if e.in.discrete {
		middle = count80
	}
	wide80, wide95 := tail(quantile(size, middle), quantile(size, 0.95))
	below80, below95 := tail(-quantile(signed, (1-middle)/2), -quantile(signed, 0.025))
	above80, above95 := tail(quantile(signed, (1+middle)/2), quantile(signed, 0.975))
	lo80, lo95 := math.Max(0, (wide80+below80)/2), math.Max(0, (wide95+below95)/2)
	hi80, hi95 := math.Max(0, (wide80+above80)/2), math.Max(0, (wide95+above95)/2)
	t := distuv.StudentsT{Sigma: 1, Nu: s.freedom(e)}
	k80, k95 := t.Quantile(0.9)/z80, t.Quantile(0.975)/z95
	s.Knots = [4]float64{
		-math.Max(lo95*k95, lo80*k80), -lo80 * k80, hi80 * k80, math.Max(hi95*k95, hi80*k80),
	}
	s.setShape(signed, size, e.in.discrete, k80)
}

// tail shrinks a 95 % quantile towards tailRatio times the 80 % one, on the
// scale of logarithms.
func tail(q80, q95 float64) (float64, float64) {
	if q80 <= 0 || q95 <= 0 {
		return q80, q95
	}
	return q80, math.Pow(q95, tailShare) * math.Pow(tailRatio*q80, 1-tailShare)
}

// freedom is the number of degrees of freedom of the spread by the rule of
// Satterthwaite, Biometrics Bulletin 2 (1946), 110-114: a variance between folds
// with one for each fold and a variance within with one for each step.
func (s *Spread) freedom(e errorsOf) float64 {
	tests := 0.0
	for i := range e.resid {
		tests += e.decay[i] * float64(len(e.resid[i])) / float64(e.f.horizon)
	}
	tests = math.Max(1, tests*float64(e.f.step)/float64(e.f.horizon))
	b := s.between(e)
	within := (1 - b) * (1 - b) / float64(e.f.horizon)
	return math.Max(1, math.Min(1e6, tests/(b*b+within)))
}

// quantile of values sorted ascending with weights; with n values it takes the
// p(1+1/n) quantile, as conformal prediction asks.
func quantile(v []weighted, p float64) float64 {
	total := 0.0
	for _, x := range v {
		total += x.w
	}
	want := p * total * (1 + 1/float64(len(v)))
	below := 0.0
	for _, x := range v {
		below += x.w
		if below >= want {
			return x.v
		}
	}
	return v[len(v)-1].v
}
