package exact

import (
	"cmp"
	"slices"

	"github.com/prometheus/prometheus/model/value"
)

// gauge is a memory gauge of one pod: the sum over its containers.
type gauge struct {
	// choice is the rank of the family it came from, plus one; 0 is none yet.
	choice int
	points []point
	sorted bool
}

// add appends a sample. A stale marker says that the gauge has ended.
func (g *gauge) add(t int64, v float64) {
	if value.IsStaleNaN(v) {
		v = ended
	} else if !(v >= 0 && v < 1<<53) {
		return // A value that no memory has.
	}
	g.points = append(g.points, point{t, v})
	g.sorted = false
}

// ended is the value of a gauge that is over.
const ended = -1

// settle sorts the points and sums those of one instant: a pod's containers
// come in the same scrape. An end counts only where nothing else is said.
func (g *gauge) settle() {
	if g.sorted {
		return
	}
	slices.SortFunc(g.points, func(a, b point) int { return cmp.Compare(a.t, b.t) })
	kept := g.points[:0]
	for _, p := range g.points {
		last := len(kept) - 1
		switch {
		case last < 0 || kept[last].t != p.t:
			kept = append(kept, p)
		case p.v == ended:
		case kept[last].v == ended:
			kept[last].v = p.v
		default:
			kept[last].v += p.v
		}
	}
	g.points, g.sorted = kept, true
}

// at returns the gauge in bytes at the instant t: its last sample before, else
// its next one after, each at most GaugeAge away.
func (g *gauge) at(t int64) (int64, bool) {
	if g == nil || len(g.points) == 0 {
		return 0, false
	}
	g.settle()
	age := GaugeAge.Milliseconds()
	i, exact := slices.BinarySearchFunc(
		g.points,
		t,
		func(p point, t int64) int { return cmp.Compare(p.t, t) },
	)
	if !exact {
		i--
	}
	if i >= 0 && g.points[i].v != ended && t-g.points[i].t <= age {
		return int64(g.points[i].v), true
	}
	if i+1 < len(g.points) && g.points[i+1].v != ended && g.points[i+1].t-t <= age {
		return int64(g.points[i+1].v), true
	}
	return 0, false
}

// over returns twice the mean of the gauge over the step (from, t], in bytes,
// and its highest value; from is 0 for a birth, which has one end only.
func (g *gauge) over(from, t int64) (twice, most int64, ok bool) {
	end, ok := g.at(t)
	if !ok {
		return 0, 0, false
	}
	begin, known := end, from != 0
	if known {
		if begin, known = g.at(from); !known {
			begin = end
		}
	}
	return begin + end, max(begin, end), true
}
