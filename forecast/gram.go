package forecast

import "gonum.org/v1/gonum/mat"

// gram holds the sums of products of lagged values for several origins:
//
//	G[a][b] = Σ z[t-lag[a]]·z[t-lag[b]]   over start ≤ t < end of the origin
//
// with lag 0, the regressed value itself, first. A sum depends on its two lags
// only through their difference and a shift of the range, so the running sums
// of z[u]·z[u-d] for each distinct difference d give the sums of every pair of
// lags and of every origin by one subtraction. That is what makes honest
// refits at twenty origins cost no more than one. For n values and k lags of
// which D differences are distinct: n·D + k²·origins instead of n·k²·origins.
type gram struct {
	z     []float64
	fits  []gramFit
	total []float64 // running sum of z
}

// gramFit is the system of one origin.
type gramFit struct {
	lags       []int     // those that fit before the origin
	start, end int       // range of t
	sums       []float64 // (k+1)×(k+1), row-major, upper half filled
}

// newGram makes the systems of all origins. lags are those of the last origin;
// lagsFor gives those that a shorter history allows.
func newGram(z []float64, lags, ends []int, lagsFor func(n int) []int) *gram {
	g := &gram{z: z, fits: make([]gramFit, len(ends)), total: make([]float64, len(z)+1)}
	for t, v := range z {
		g.total[t+1] = g.total[t] + v
	}
	for i, end := range ends {
		l := lags
		if end < len(z) {
			l = lagsFor(end)
		}
		f := gramFit{lags: append([]int{0}, l...), end: end}
		f.start = f.lags[len(l)]
		f.sums = make([]float64, (len(l)+1)*(len(l)+1))
		g.fits[i] = f
	}
	g.accumulate(lags)
	return g
}

// accumulate fills the sums of every origin, one distinct difference at a time.
func (g *gram) accumulate(lags []int) {
	all := append([]int{0}, lags...)
	if len(lags) == 0 {
		return
	}
	pairs := make([][][2]int, lags[len(lags)-1]+1)
	for a := range all {
		for b := a; b < len(all); b++ {
			d := all[b] - all[a]
			pairs[d] = append(pairs[d], [2]int{a, b})
		}
	}
	run := make([]float64, len(g.z)+1)
	for d, list := range pairs {
		if len(list) == 0 {
			continue
		}
		g.running(d, run)
		for i := range g.fits {
			g.fits[i].add(all, list, run)
		}
	}
}

// running sets run[t] = Σ z[u]·z[u-d] over d ≤ u < t.
func (g *gram) running(d int, run []float64) {
	n := len(g.z)
	clear(run[:min(d+1, n+1)])
	s := 0.0
	a, b := g.z[min(d, n):], g.z[:n-min(d, n)]
	out := run[min(d+1, n+1):]
	for i, v := range a {
		s += v * b[i]
		out[i] = s
	}
}

// add reads off the sums of the pairs from the running sums of their
// difference. all are the lags of the last origin; an earlier one has the first
// few of them, or others, which are matched by value.
func (f *gramFit) add(all []int, list [][2]int, run []float64) {
	k := len(f.lags)
	for _, p := range list {
		a, b := f.index(all, p[0]), f.index(all, p[1])
		if a < 0 || b < 0 || f.end <= f.start {
			continue
		}
		f.sums[a*k+b] = run[f.end-all[p[0]]] - run[f.start-all[p[0]]]
	}
}

// index finds the lag all[i] among the origin's own lags, -1 if it is not one.
func (f *gramFit) index(all []int, i int) int {
	if i < len(f.lags) && f.lags[i] == all[i] {
		return i
	}
	for k, l := range f.lags {
		if l == all[i] {
			return k
		}
	}
	return -1
}

// solve fits the regression of one origin, with a constant if asked.
func (g *gram) solve(i int, constant bool) arFit {
	f := g.fits[i]
	k := len(f.lags) - 1
	rows := float64(f.end - f.start)
	if k == 0 || rows < 1 {
		return arFit{}
	}
	size := k
	if constant {
		size++
	}
	a, b := mat.NewSymDense(size, nil), make([]float64, size)
	for p := 1; p <= k; p++ {
		b[p-1] = f.sums[p]
		for q := p; q <= k; q++ {
			a.SetSym(p-1, q-1, f.sums[p*(k+1)+q])
		}
		a.SetSym(p-1, p-1, f.sums[p*(k+1)+p]+ridge*rows)
	}
	if constant {
		for p := 1; p <= k; p++ {
			a.SetSym(p-1, k, g.total[f.end-f.lags[p]]-g.total[f.start-f.lags[p]])
		}
		a.SetSym(k, k, rows)
		b[k] = g.total[f.end] - g.total[f.start]
	}
	w := solveRidge(a, b)
	if w == nil {
		return arFit{}
	}
	fit := arFit{lags: f.lags[1:], weights: w[:k]}
	if constant {
		fit.constant = w[k]
	}
	return fit
}
