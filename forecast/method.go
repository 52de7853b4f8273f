package forecast

import "slices"

// Method names one way to forecast. Run combines several; Options.Methods
// restricts it to those named.
type Method string

// The methods. Those marked (log) model the logarithm where all values are
// positive, which makes their season and their errors multiplicative.
const (
	// Naive repeats the last value.
	Naive Method = "naive"
	// SeasonalNaive repeats the last short cycle.
	SeasonalNaive Method = "seasonal-naive"
	// LongSeasonalNaive repeats the last long cycle (the week of hours).
	LongSeasonalNaive Method = "long-seasonal-naive"
	// Repeat copies the cycle of up to an hour of minutes, found by itself, that
	// the recent past repeats best: timers.
	Repeat Method = "repeat"
	// LongRepeat is Repeat with cycles of up to 400 steps.
	LongRepeat Method = "long-repeat"
	// Profile is the median of each phase over the last long cycles, older ones
	// counting less.
	Profile Method = "profile"
	// LongProfile is Profile with twice the memory.
	LongProfile Method = "long-profile"
	// ShapeProfile is the usual share of each phase in its cycle times the level,
	// which follows the last cycles more closely than the shares do.
	ShapeProfile Method = "shape-profile"
	// LevelProfile is a discounted profile scaled to the level of the last cycle.
	LevelProfile Method = "level-profile"
	// Smoothing is simple exponential smoothing.
	Smoothing Method = "smoothing"
	// DampedTrend is Holt's method with a damped trend (log).
	DampedTrend Method = "damped-trend"
	// Trend is Holt's method, undamped.
	Trend Method = "trend"
	// HoltWinters is additive Holt-Winters with every cycle.
	HoltWinters Method = "holt-winters"
	// HoltWintersLog is Holt-Winters with every cycle (log).
	HoltWintersLog Method = "holt-winters-log"
	// HoltWintersDamped is HoltWintersLog with a damped trend.
	HoltWintersDamped Method = "holt-winters-damped"
	// HoltWintersShort is HoltWintersLog with the shortest cycle only.
	HoltWintersShort Method = "holt-winters-short"
	// HoltWintersLong is HoltWintersLog with the longest cycle only.
	HoltWintersLong Method = "holt-winters-long"
	// HoltWintersMultiplicative has a multiplicative season on the shortest cycle
	// and a damped trend.
	HoltWintersMultiplicative Method = "holt-winters-multiplicative"
	// HoltWintersTrend is additive Holt-Winters with an undamped trend.
	HoltWintersTrend Method = "holt-winters-trend"
	// Theta is the Theta method on the deseasonalised series.
	Theta Method = "theta"
	// Autoregression regresses on all lags of a short cycle and those around
	// multiples of every cycle (log).
	Autoregression Method = "autoregression"
	// AutoregressionSeasonal regresses the change over the shortest cycle.
	AutoregressionSeasonal Method = "autoregression-seasonal"
	// AutoregressionChange regresses the change from step to step (log).
	AutoregressionChange Method = "autoregression-change"
	// Croston is Croston's method for intermittent counts, with the correction
	// of Syntetos and Boylan.
	Croston Method = "croston"
	// TSB is the method of Teunter, Syntetos and Babai for counts that may stop.
	TSB Method = "tsb"
	// MeanRecent repeats the mean of the last horizon.
	MeanRecent Method = "mean-recent"
)

// model is one method at work on one input.
type model interface {
	// run fits and writes one forecast for each origin of the job, made from
	// values before that origin alone; parameters that a few numbers describe may
	// be fitted to the whole. It returns what again needs.
	run(in *input, j job) []float64
	// again writes a forecast from the end of the input with parameters that run
	// returned, and reports whether they fit the input.
	again(in *input, params, out []float64) bool
}

// job asks for forecasts from several origins at once.
type job struct {
	origins []int       // ascending; the last is the length of the input
	horizon int         // steps ahead
	out     [][]float64 // one row of horizon values for each origin
}

// direct is a model without parameters.
type direct func(in *input, origin int, out []float64)

func (d direct) run(in *input, j job) []float64 {
	for i, o := range j.origins {
		d(in, o, j.out[i])
	}
	return nil
}

func (d direct) again(in *input, _, out []float64) bool {
	d(in, len(in.y), out)
	return true
}

// newModel returns the model of a method, nil if there is no such method.
func newModel(m Method) model {
	switch m {
	case Naive:
		return direct(naive)
	case SeasonalNaive:
		return direct(shortCopy)
	case LongSeasonalNaive:
		return direct(longCopy)
	case Repeat:
		return repeat{maxLag: 60, window: 240}
	case LongRepeat:
		return repeat{maxLag: 400, window: 480}
	case ShapeProfile:
		return direct(shapeProfile)
	case LevelProfile:
		return direct(levelProfile)
	case Theta:
		return theta{}
	case Croston:
		return intermittent{sba: true}
	case TSB:
		return intermittent{tsb: true}
	case MeanRecent:
		return direct(meanRecent)
	case Autoregression:
		return autoreg{logs: true, full: true}
	case AutoregressionSeasonal:
		return autoreg{diff: diffCycle}
	case AutoregressionChange:
		return autoreg{logs: true, full: true, diff: diffStep}
	}
	if h, ok := smoothers[m]; ok {
		return h
	}
	if p, ok := profiles[m]; ok {
		return direct(p.forecast)
	}
	return nil
}

// smoothers are the forms of exponential smoothing.
var smoothers = map[Method]smoother{
	Smoothing:                 {},
	Trend:                     {trend: undamped},
	DampedTrend:               {trend: damped, logs: true},
	HoltWinters:               {cycles: allCycles, ar: true},
	HoltWintersTrend:          {cycles: allCycles, trend: undamped},
	HoltWintersLog:            {cycles: allCycles, logs: true, ar: true},
	HoltWintersDamped:         {cycles: allCycles, logs: true, ar: true, trend: damped},
	HoltWintersShort:          {cycles: shortestCycle, logs: true, ar: true},
	HoltWintersLong:           {cycles: longestCycle, logs: true, ar: true},
	HoltWintersMultiplicative: {cycles: shortestCycle, trend: damped, multiplicative: true},
}

// Methods lists every method, in a fixed order.
func Methods() []Method {
	return []Method{
		Naive, SeasonalNaive, LongSeasonalNaive, Repeat, LongRepeat,
		Profile, LongProfile, LevelProfile, ShapeProfile,
		Smoothing, DampedTrend, Trend, HoltWinters, HoltWintersLog, HoltWintersDamped,
		HoltWintersShort, HoltWintersLong, HoltWintersMultiplicative, HoltWintersTrend,
		Theta, Autoregression, AutoregressionSeasonal, AutoregressionChange,
		Croston, TSB, MeanRecent,
	}
}

// pool returns the methods that Run tries by itself: unlike ones, because the
// median of unlike forecasts beats each of them.
func pool(in *input) []Method {
	switch {
	case len(in.cycles) == 0:
		return plainPool(in)
	case in.longCycle() == daysOfWeek:
		return weekPool()
	}
	methods := []Method{
		SeasonalNaive, LongSeasonalNaive, Repeat, LongRepeat, Profile, LevelProfile,
		DampedTrend, HoltWinters, HoltWintersShort,
		Autoregression, AutoregressionSeasonal, AutoregressionChange,
	}
	if len(in.cycles) == 1 {
		methods = slices.DeleteFunc(methods, func(m Method) bool { return m == LongSeasonalNaive })
	}
	return methods
}

// weekPool is the pool of days. Seven values a cycle leave a regression little to
// learn from beyond the season, and a single odd week weighs a lot, so methods
// that average many weeks carry it.
func weekPool() []Method {
	return []Method{
		LongRepeat, Profile, LongProfile, ShapeProfile,
		HoltWinters, HoltWintersDamped, AutoregressionSeasonal,
	}
}

// plainPool is the pool of a series without a usable cycle.
func plainPool(in *input) []Method {
	if len(in.y) < 12 {
		return []Method{Naive, Smoothing, DampedTrend, Theta}
	}
	return []Method{
		Naive, Smoothing, DampedTrend, Theta, Repeat, Autoregression, AutoregressionChange,
	}
}
