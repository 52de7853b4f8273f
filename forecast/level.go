package forecast

import "math"

// The level of a path is settled apart from its shape in two cases: the total
// of a horizon is what a bill needs, and the median of paths is no estimate of
// it.
const (
	// Below fewTests independent horizons of validation the level follows the
	// methods that persist in the last level; from enoughTests on, what was
	// validated; in between a share of each.
	fewTests, enoughTests = 2, 3
	// totalSlack is the share of a fold's total that is added to every total
	// error, so that a lucky hit does not take all weight.
	totalSlack = 0.02
	// totalFolds is how many of the latest folds decide: a fold has one total, and
	// chance moves it more than the many steps that decide the path.
	totalFolds = 12
	// maxLevelUp is the most a path is scaled up; more is added evenly.
	maxLevelUp = 3
)

// persistent are the methods whose level stays where it is. With a history of
// three horizons, mean reversion cannot be told from chance, and a random walk
// of the level is the safer guess.
var persistent = []Method{
	LongSeasonalNaive, HoltWinters, HoltWintersShort, HoltWintersLong,
	HoltWintersDamped, AutoregressionSeasonal,
}

// counting are methods whose totals are means: the middle path of rare counts
// is zero, their bill is not.
var counting = []Method{TSB, MeanRecent}

// leveller moves paths to a total of their own.
type leveller struct {
	by    []candidate // weighted by error of the total
	share float64     // 0 leaves the path, 1 takes the total
}

// newLeveller decides whether paths need one, and fits it. all are the
// candidates already run; their fits are used again.
func newLeveller(in *input, all []candidate, f folds) leveller {
	tests := f.independent()
	switch {
	case in.discrete && f.count() > 0:
		l := leveller{by: recruit(in, all, counting, f), share: 1}
		l.by = append(l.by, all...)
		l.weigh(in, f)
		return l
	case len(in.cycles) > 0 && tests < enoughTests && f.count() > 0:
		l := leveller{by: recruit(in, all, persistent, f)}
		l.share = min(1, (enoughTests-tests)/(enoughTests-fewTests))
		l.weigh(in, f)
		return l
	}
	return leveller{}
}

// recruit returns the candidates of the methods, running those not yet run.
func recruit(in *input, all []candidate, methods []Method, f folds) []candidate {
	var out []candidate
	var missing []Method
next:
	for _, m := range methods {
		for _, c := range all {
			if c.method == m {
				out = append(out, c)
				continue next
			}
		}
		missing = append(missing, m)
	}
	return append(out, candidates(in, missing, f)...)
}

// weigh sets weights by the absolute error of the total over the folds.
func (l *leveller) weigh(in *input, f folds) {
	errs := make([]float64, len(l.by))
	decay := 1.0
	for i := f.count() - 1; i >= max(0, f.count()-totalFolds); i-- {
		decay *= foldDecay
		known := f.known(i)
		actual := sumOf(in.y[f.origins[i] : f.origins[i]+known])
		scale := decay * float64(f.horizon) / float64(known)
		for k := range l.by {
			off := math.Abs(sumOf(l.by[k].paths[i][:known]) - actual)
			errs[k] += scale * (off + totalSlack*math.Abs(actual))
		}
	}
	setWeights(l.by, errs)
}

// apply moves a path from an origin towards the median of the totals.
func (l *leveller) apply(origin int, path []float64) {
	if l.share == 0 {
		return
	}
	totals, weights := make([]float64, 0, len(l.by)), make([]float64, 0, len(l.by))
	for k := range l.by {
		if l.by[k].weight > 0 {
			totals = append(totals, sumOf(l.by[k].paths[origin]))
			weights = append(weights, l.by[k].weight)
		}
	}
	move(path, l.share*(weightedMedian(totals, weights)-sumOf(path)))
}

// move adds delta to the total of a path: in proportion where the path is
// positive and not more than tripled, evenly otherwise.
func move(path []float64, delta float64) {
	total := sumOf(path)
	for _, v := range path {
		if v < 0 {
			total = 0
			break
		}
	}
	if total > 0 && total+delta >= 0 && total+delta < maxLevelUp*total {
		ratio := (total + delta) / total
		for i := range path {
			path[i] *= ratio
		}
		return
	}
	for i := range path {
		path[i] += delta / float64(len(path))
	}
}
