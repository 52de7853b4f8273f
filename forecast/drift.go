package forecast

import "math"

// setDrift guards against the level moving further than the few folds of a long
// horizon have shown. The prior is a random walk of the level, with the steps
// that the means of whole cycles really took from one to the next; it counts
// driftPrior against the cubed number of independent horizons validated, so
// it rules a 30-day forecast from three months and vanishes after ten folds.
func (s *Spread) setDrift(in *input, f folds, path []float64) {
	tests := f.independent()
	s.DriftShare = driftPrior / (driftPrior + tests*tests*tests)
	block := 1
	if m := in.mainCycle(); f.horizon >= 2*m {
		block = m
	}
	step := levelSteps(in, block)
	relative := 1.0
	if s.Level > 0 {
		sum := 0.0
		for _, v := range path {
			sum += s.levelUnit(v)
		}
		relative = sum / float64(len(path))
	}
	if relative > 0 && s.Size > 0 {
		// In units of Size, as standard deviations.
		step /= relative * s.Size * deviation
		s.Drift = min(maxDrift, step*step/float64(block))
	}
}

// maxDrift bounds the drift where a level that moved was followed by next to no
// errors; the widening is its root.
const maxDrift = 1e6

// deviation turns a mean absolute error into a standard deviation, if normal.
const deviation = 1.2533

// levelUnit is the part of unit that follows the level.
func (s *Spread) levelUnit(v float64) float64 {
	relative := (math.Max(v, 0) + levelFloor*s.Level) / ((1 + levelFloor) * s.Level)
	return math.Pow(relative, levelExponent)
}

// levelSteps is the typical change, as a standard deviation, of the mean level
// of one block to the next, seasons taken off.
func levelSteps(in *input, block int) float64 {
	rest, _ := deseasonalise(in.clean, in.cycles)
	blocks := len(rest) / block
	if blocks < 6 {
		return 0
	}
	rest = rest[len(rest)-blocks*block:]
	sum, last := 0.0, 0.0
	for b := range blocks {
		mean := meanOf(rest[b*block : (b+1)*block])
		if b > 0 {
			sum += math.Abs(mean - last)
		}
		last = mean
	}
	return deviation * sum / float64(blocks-1)
}

// widen is the factor on the spread at a step that the drift prior asks for:
// never below one.
func (s *Spread) widen(step int) float64 {
	if s.Drift == 0 || s.DriftShare == 0 {
		return 1
	}
	seen := s.First * math.Pow(float64(step+1), s.Growth)
	seen *= seen
	prior := s.First*s.First + s.Drift*float64(step+1)
	if prior <= seen {
		return 1
	}
	return math.Sqrt(((1-s.DriftShare)*seen + s.DriftShare*prior) / seen)
}

// bounds are the four knots at a step, as distances from the forecast: unit is
// the size of errors there, drift left out.
func (s *Spread) bounds(step int, unit float64) [4]float64 {
	wide := s.widen(step)
	narrow := 1 + drift80*(wide-1)
	k := s.Knots
	k[0], k[3] = k[0]*unit*wide, k[3]*unit*wide
	k[1], k[2] = k[1]*unit*narrow, k[2]*unit*narrow
	return k
}

// poolAdjacent makes means non-decreasing by pooling neighbours that fall. Source:
// Ayer et al., Annals of Mathematical Statistics 26 (1955), 641-647; all blocks
// weigh the same, and repeated passes replace the bookkeeping.
func poolAdjacent(mean []float64) {
	for range mean {
		for b := 1; b < len(mean); b++ {
			if mean[b] < mean[b-1] {
				mean[b], mean[b-1] = (mean[b]+mean[b-1])/2, (mean[b]+mean[b-1])/2
			}
		}
	}
}
