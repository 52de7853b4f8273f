package cost

import (
	"fmt"
	"slices"
	"time"

	"invoq"
	"invoq/forecast"
	"invoq/pricing"
)

const (
	// DefaultPaths is how many futures are priced when Input.Paths is zero: a 95 %
	// bound then rests on the 12 outermost on its side.
	DefaultPaths = 500
	// MaxPaths bounds Input.Paths.
	MaxPaths = 10_000
	// MaxSeries bounds the forecasts of one input.
	MaxSeries = 10_000
)

// Input is what an outlook is made of.
type Input struct {
	// Sheet is the plan that prices the usage.
	Sheet *pricing.Sheet
	// Period is the whole period of the bill, for example a month.
	Period pricing.Period
	// Used is the usage from Period.UsageFrom to where the forecasts begin.
	Used []pricing.Item
	// Ahead are the forecasts, one a meter and source. What lies outside the
	// period is left out.
	Ahead []Series
	// Budget is the amount not to be crossed, in the plan's currency; zero: none.
	Budget invoq.Decimal
	// Paths is how many futures are priced, up to MaxPaths; zero is DefaultPaths.
	Paths int
	// Seed chooses the futures: the same seed, the same answer.
	Seed uint64
}

// Series is the forecast of one meter of one source.
type Series struct {
	Meter invoq.Meter
	// Source says what will use it; nil: nobody knows. Series that share the
	// pointer move together.
	Source *pricing.Source
	// Start is where the first step begins, and Step how long each is.
	Start time.Time
	Step  time.Duration
	// Forecast is in the meter's unit.
	Forecast *forecast.Forecast
}

// Outlook is what the period will cost. Amounts are in the plan's currency and
// rounded to its minor unit.
type Outlook struct {
	Currency invoq.Currency `json:"currency"`
	// SoFar is what the period costs if nothing more is used, fees included.
	SoFar invoq.Decimal `json:"so_far"`
	// Expected is the mean cost of the whole period over all paths. The bounds
	// hold the cost with 80 and 95 % probability; where a few futures are very
	// dear, they are moved out to hold Expected.
	Expected invoq.Decimal `json:"expected"`
	Lo80     invoq.Decimal `json:"lo80"`
	Hi80     invoq.Decimal `json:"hi80"`
	Lo95     invoq.Decimal `json:"lo95"`
	Hi95     invoq.Decimal `json:"hi95"`
	// Crossing tells about the budget; nil without one.
	Crossing *Crossing `json:"crossing,omitempty"`
	// Unpriced is usage of the first path that no rate covers, by meter: it is in
	// no amount above.
	Unpriced []pricing.Unpriced `json:"unpriced,omitempty"`
	// Warnings are those of the forecasts and of pricing, each once.
	Warnings []string `json:"warnings,omitempty"`
}

// Estimate prices the futures of a period.
func Estimate(in Input) (*Outlook, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	b, err := newBook(in)
	if err != nil {
		return nil, err
	}
	soFar, err := b.price(nil)
	if err != nil {
		return nil, fmt.Errorf("price the usage so far: %w", err)
	}
	futures, statement, err := b.futures(in.paths())
	if err != nil {
		return nil, err
	}
	out := &Outlook{
		Currency: statement.Currency, SoFar: soFar.Total,
		Unpriced: statement.Unpriced, Warnings: in.warnings(statement),
	}
	if err := out.setAmounts(futures); err != nil {
		return nil, err
	}
	if in.Budget.Sign() > 0 {
		out.Crossing, err = b.crossing(in.Budget, soFar.Total, futures)
	}
	return out, err
}

func (in *Input) paths() int {
	if in.Paths == 0 {
		return DefaultPaths
	}
	return in.Paths
}

// check returns an error of KindUnprocessable for input without sense.
func (in *Input) check() error {
	bad := func(format string, args ...any) error {
		return invoq.Errorf(invoq.KindUnprocessable, format, args...)
	}
	switch {
	case in.Sheet == nil:
		return bad("no plan to price by")
	case in.Paths < 0 || in.Paths > MaxPaths:
		return bad("%d paths are not between 0 and %d", in.Paths, MaxPaths)
	case len(in.Ahead) > MaxSeries:
		return bad("%d forecasts are more than %d", len(in.Ahead), MaxSeries)
	case in.Budget.Sign() < 0:
		return bad("budget %s is negative", in.Budget)
	}
	for i, s := range in.Ahead {
		if s.Forecast == nil || s.Step <= 0 || s.Start.IsZero() {
			return bad("forecast %d of meter %q lacks a path, a start or a step", i, s.Meter)
		}
	}
	return nil
}

// warnings are those of the forecasts, with the meter's name, and of pricing.
func (in *Input) warnings(st pricing.Statement) []string {
	var all []string
	add := func(text string) {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	for _, s := range in.Ahead {
		for _, w := range s.Forecast.Warnings {
			add(fmt.Sprintf("%s: %s", s.Meter, w))
		}
	}
	for _, w := range st.Warnings {
		add(w)
	}
	return all
}

// setAmounts turns the costs of all futures into the mean and its bounds.
func (o *Outlook) setAmounts(futures []future) error {
	digits, err := pricing.Digits(o.Currency)
	if err != nil {
		return err
	}
	costs := make([]invoq.Decimal, len(futures))
	var sum invoq.Decimal
	for i, f := range futures {
		costs[i] = f.cost
		sum = sum.Add(f.cost)
	}
	slices.SortFunc(costs, invoq.Decimal.Cmp)
	o.Expected = sum.Quo(invoq.NewDecimal(int64(len(costs)), 0), digits)
	q := quantilesOf(costs)
	low := func(v invoq.Decimal) invoq.Decimal {
		return slices.MinFunc([]invoq.Decimal{v, o.Expected}, invoq.Decimal.Cmp)
	}
	high := func(v invoq.Decimal) invoq.Decimal {
		return slices.MaxFunc([]invoq.Decimal{v, o.Expected}, invoq.Decimal.Cmp)
	}
	o.Lo95, o.Lo80, o.Hi80, o.Hi95 = low(q.lo95), low(q.lo80), high(q.hi80), high(q.hi95)
	return nil
}

// quantiles are the ends of two intervals and their middle.
type quantiles[T any] struct{ lo95, lo80, median, hi80, hi95 T }

// quantilesOf reads them off sorted values: of two neighbours the outer one.
func quantilesOf[T any](sorted []T) quantiles[T] {
	last := len(sorted) - 1
	low := func(perMille int) T { return sorted[last*perMille/1000] }
	high := func(perMille int) T { return sorted[last-last*(1000-perMille)/1000] }
	return quantiles[T]{low(25), low(100), low(500), high(900), high(975)}
}
