package forecast

import (
	"math"
	"math/rand/v2"
)

// Composed series: their law is known, so tests on them are about the package
// and not about somebody's data.

// days is a day's swing of 24 steps with a quieter weekend, noise that hangs
// together, and a level that drifts.
func days(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	y := make([]float64, n)
	level, noise := 100.0, 0.0
	for t := range y {
		level += 0.1 * r.NormFloat64()
		noise = 0.5*noise + 4*r.NormFloat64()
		swing := 1 + 0.4*math.Sin(2*math.Pi*float64(t)/24)
		if t/24%7 >= 5 {
			swing *= 0.7
		}
		y[t] = math.Max(0, level*swing+noise)
	}
	return y
}

// wander is a random walk.
func wander(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 2))
	y := make([]float64, n)
	level := 50.0
	for t := range y {
		level += r.NormFloat64()
		y[t] = level
	}
	return y
}

// noise is independent normal values around 1000: their law is all there is to
// know.
func noise(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 3))
	y := make([]float64, n)
	for t := range y {
		y[t] = 1000 + 10*r.NormFloat64()
	}
	return y
}

// calls is rare counts: about one step in eight has some.
func calls(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 4))
	y := make([]float64, n)
	for t := range y {
		if r.IntN(8) == 0 {
			y[t] = float64(1 + r.IntN(5))
		}
	}
	return y
}

// timer is a call every seventh step, three at a time.
func timer(n int, _ uint64) []float64 {
	y := make([]float64, n)
	for t := 0; t < n; t += 7 {
		y[t] = 3
	}
	return y
}
