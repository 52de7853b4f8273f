package forecast

import (
	"math"
	"slices"
)

// shapeKnots is how many quantiles describe the errors that paths draw.
const shapeKnots = 13

// shapeAt are the standard normal values of those quantiles: 0.5, 2.5, 10, 20,
// 30, 40, 50 % and the same above.
var shapeAt = [shapeKnots]float64{
	-2.5758293, -z95, -z80, -0.8416212, -0.5244005, -0.2533471, 0,
	0.2533471, 0.5244005, 0.8416212, z80, z95, 2.5758293,
}

// setShape takes the quantiles of the errors, moved to a mean of zero and widened
// by wide: the level is settled by the forecast, and the few mean errors of past
// origins are chance. signed and size are sorted. Few errors cannot tell how
// lopsided they are, so half of the shape comes from their absolute values, as
// if both sides were alike; the errors of counts are lopsided by nature and are
// taken as they are.
func (s *Spread) setShape(signed, size []weighted, counts bool, wide float64) {
	share := 0.5
	if counts {
		share = 1
	}
	for i, g := range shapeAt {
		p := 0.5 * math.Erfc(-g/math.Sqrt2)
		even := math.Copysign(quantile(size, math.Abs(2*p-1)), g)
		s.Shape[i] = wide * ((1-share)*even + share*quantile(signed, p))
	}
	// Rounding in the quantiles may swap neighbours.
	slices.Sort(s.Shape[:])
	mean := s.shapeMean()
	for i := range s.Shape {
		s.Shape[i] -= mean
	}
}

// shapeSteps is how many equally likely values stand for the normal law.
const shapeSteps = 64

// normalSteps are the medians of shapeSteps equally likely parts of the standard
// normal law.
var normalSteps = func() (g [shapeSteps]float64) {
	for i := range g {
		p := (float64(i) + 0.5) / shapeSteps
		g[i] = math.Sqrt2 * math.Erfinv(2*p-1)
	}
	return g
}()

// shapeMean is the mean of the standardised errors.
func (s *Spread) shapeMean() float64 {
	sum := 0.0
	for _, g := range normalSteps {
		sum += s.errorAt(g)
	}
	return sum / shapeSteps
}

// errorAt is the standardised error at a standard normal value: linear between
// the knots of the shape and beyond them.
func (s *Spread) errorAt(g float64) float64 {
	i := 1
	for i < shapeKnots-1 && g > shapeAt[i] {
		i++
	}
	share := (g - shapeAt[i-1]) / (shapeAt[i] - shapeAt[i-1])
	return s.Shape[i-1] + share*(s.Shape[i]-s.Shape[i-1])
}
