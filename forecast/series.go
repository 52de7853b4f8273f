package forecast

import (
	"math"

	"invoq"
)

// Limits of one request.
const (
	// MaxHistory is the longest history taken, in steps.
	MaxHistory = 1 << 20
	// MaxHorizon is the furthest step ahead.
	MaxHorizon = 100_000
)

// Series is what is known of one quantity at equally spaced times.
type Series struct {
	// Values, oldest first. NaN and the infinities mean "not observed". The
	// slice is read, never kept or changed.
	Values []float64
	// Period is the main cycle in steps, for example 24 for hours of a day.
	// Zero or one: none is known.
	Period int
	// Periods lists all cycles the data may have, in any order; Period is added
	// to them. A cycle is used when the history holds it at least twice.
	Periods []int
	// Start is the position of Values[0] on the time axis, in steps. Only
	// differences matter: it lets Refresh find the phase of a cycle again after
	// old values were dropped. Leave it zero when a series only ever grows.
	Start int64
}

// check returns an error of KindUnprocessable for a request without sense.
func (s Series) check(horizon int) error {
	if horizon < 1 || horizon > MaxHorizon {
		return invoq.Errorf(invoq.KindUnprocessable,
			"horizon %d is not between 1 and %d steps", horizon, MaxHorizon)
	}
	if len(s.Values) > MaxHistory {
		return invoq.Errorf(invoq.KindTooLarge,
			"history of %d values is longer than %d", len(s.Values), MaxHistory)
	}
	if s.Period < 0 {
		return invoq.Errorf(invoq.KindUnprocessable, "period %d is negative", s.Period)
	}
	for _, m := range s.Periods {
		if m < 0 {
			return invoq.Errorf(invoq.KindUnprocessable, "period %d is negative", m)
		}
	}
	return nil
}

// input is a series made ready for models: without gaps, scaled by a power of
// two to at most one in size, with the variants that models ask for.
type input struct {
	y      []float64 // gaps filled, scaled
	seen   []bool    // false where y was filled; nil when all was observed
	cycles []int     // ascending, each at least twice in y
	start  int64     // position of y[0] on the time axis
	exp    int       // y = value * 2^-exp

	clean []float64 // y with lone outliers replaced
	logs  []float64 // logarithm of y, outliers replaced; nil unless all y > 0

	lo, hi   float64 // range of y
	change   float64 // mean |y[t]-y[t-cycle]|: the scale of errors
	nonneg   bool    // no value below zero: neither will a forecast be
	discrete bool    // few distinct whole numbers: counts
	constant bool
}

// prepare makes the input of a series, and says what was wrong with it.
func prepare(s Series) (*input, []string) {
	in := &input{start: s.Start}
	y, seen, missing := fill(s.Values, s.Period)
	in.start += int64(len(s.Values) - len(y))
	in.y, in.seen = y, seen
	warnings := missingWarnings(len(s.Values), len(y), missing)
	if len(y) == 0 {
		return in, append(warnings, "no value was observed: the forecast is zero")
	}
	in.discrete = isDiscrete(y)
	in.normalise()
	in.cycles = usableCycles(len(y), s.Period, s.Periods)
	switch {
	case len(y) == 1:
		return in, append(warnings, "one value is all that is known: the spread is a guess")
	case in.constant:
		return in, append(warnings, "all values are equal: the spread is unknown")
	}
	in.change = meanChange(y, in.mainCycle())
	in.clean = replaceOutliers(y, in.cycles)
	if in.lo > 0 {
		in.logs = make([]float64, len(y))
		for i, v := range y {
			in.logs[i] = math.Log(v)
		}
		in.logs = replaceOutliers(in.logs, in.cycles)
	}
	return in, append(warnings, lengthWarnings(len(y), s.Period)...)
}

// normalise scales y in place and notes its range.
func (in *input) normalise() {
	top := 0.0
	in.lo, in.hi = math.Inf(1), math.Inf(-1)
	for _, v := range in.y {
		top = math.Max(top, math.Abs(v))
		in.lo, in.hi = math.Min(in.lo, v), math.Max(in.hi, v)
	}
	in.nonneg = in.lo >= 0
	in.constant = in.lo == in.hi
	if top == 0 {
		return
	}
	_, in.exp = math.Frexp(top)
	for i, v := range in.y {
		in.y[i] = math.Ldexp(v, -in.exp)
	}
	in.lo, in.hi = math.Ldexp(in.lo, -in.exp), math.Ldexp(in.hi, -in.exp)
}

// restore turns scaled values back into the caller's unit, in place. What
// would overflow becomes the largest finite number.
func (in *input) restore(v []float64) {
	for i := range v {
		v[i] = in.unscale(v[i])
	}
}

func (in *input) unscale(v float64) float64 {
	v = math.Ldexp(v, in.exp)
	return math.Max(-math.MaxFloat64, math.Min(math.MaxFloat64, v))
}

// mainCycle is the shortest usable cycle, one if there is none.
func (in *input) mainCycle() int {
	if len(in.cycles) == 0 {
		return 1
	}
	return in.cycles[0]
}

// longCycle is the longest usable cycle, one if there is none.
func (in *input) longCycle() int {
	if len(in.cycles) == 0 {
		return 1
	}
	return in.cycles[len(in.cycles)-1]
}

// observed tells whether y[t] was seen and not filled in.
func (in *input) observed(t int) bool { return in.seen == nil || in.seen[t] }

// bound keeps a forecast within the range of the history widened by itself on
// both sides, and at or above zero if the history was. It stops a model that
// extrapolates without end.
func (in *input) bound(f []float64) {
	width := in.hi - in.lo
	lo, hi := in.lo-width, in.hi+width
	if in.nonneg {
		lo = math.Max(lo, 0)
	}
	for i, v := range f {
		if math.IsNaN(v) {
			v = in.y[len(in.y)-1]
		}
		f[i] = math.Max(lo, math.Min(hi, v))
	}
}

// meanChange is the mean absolute difference over one cycle, or over one step
// where the series repeats its cycle exactly or is shorter than it.
func meanChange(y []float64, m int) float64 {
	if len(y) <= m {
		m = 1
	}
	if len(y) <= m {
		return 0
	}
	d := sumAbsDiff(y[m:], y[:len(y)-m]) / float64(len(y)-m)
	if d == 0 && m > 1 {
		return meanChange(y, 1)
	}
	return d
}
