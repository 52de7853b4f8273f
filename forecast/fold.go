package forecast

// Rolling-origin validation. Source: Tashman, International Journal of
// Forecasting 16 (2000), 437-450.
const (
	// maxFolds is the most past origins looked at.
	maxFolds = 20
	// weighFolds is how many of the latest decide the weights; the others only
	// tell the spread of errors.
	weighFolds = 8
	// A fold must leave at least this share of the history, and this many values,
	// before it.
	leastShareNum, leastShareDen = 2, 5
	leastTrain                   = 6
)

// folds are the past origins of one forecast and what happened after them.
type folds struct {
	origins []int // ascending, the last is the end of the history
	horizon int
	step    int // distance of neighbouring origins
}

// newFolds places origins one horizon apart, half a horizon or less where the
// history holds fewer than six horizons. A fold nearer to the end than one
// horizon sees only part of its path.
func newFolds(n, horizon int) folds {
	step := horizon
	if 6*horizon > n {
		step = max(1, min(horizon/2, n/8))
	}
	f := folds{horizon: horizon, step: step}
	least := max(leastTrain, n*leastShareNum/leastShareDen)
	for k := min(maxFolds, (n-least)/step); k >= 1; k-- {
		f.origins = append(f.origins, n-k*step)
	}
	f.origins = append(f.origins, n)
	return f
}

// count is how many past origins there are.
func (f folds) count() int { return len(f.origins) - 1 }

// known is how many steps after origin i have happened.
func (f folds) known(i int) int {
	return min(f.horizon, f.origins[f.count()]-f.origins[i])
}

// independent is the number of whole horizons that the folds validate without
// counting one value twice: how much evidence there is for this horizon.
func (f folds) independent() float64 {
	sum := 0.0
	for i := range f.count() {
		sum += float64(f.known(i))
	}
	h := float64(f.horizon)
	return sum / h * float64(f.step) / h
}
