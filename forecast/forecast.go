package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"invoq"
)

// Options of a forecast. Only Horizon is required.
type Options struct {
	// Horizon is the number of steps ahead, from 1 to MaxHorizon.
	Horizon int
	// Methods restricts the combination to these; empty means Run's own choice.
	Methods []Method
}

// Forecast is a path with its intervals. All slices have one value for each
// step ahead and belong to the caller.
type Forecast struct {
	// Mean is the central path: at each step a weighted median of the methods'
	// forecasts, with the level settled for the whole horizon where that is
	// better. Its sum is the best guess of the horizon's total.
	Mean []float64
	// The bounds hold each single step with 80 and 95 % probability. Always
	// Lo95 ≤ Lo80 ≤ Mean ≤ Hi80 ≤ Hi95. For bounds of a sum see Total.
	Lo80, Hi80, Lo95, Hi95 []float64
	// Model names the methods that carry the path, heaviest first, with weights.
	Model string
	// Warnings say what makes this forecast less certain than it looks.
	Warnings []string
	// State is what Refresh needs to repeat the forecast with newer values.
	State State

	sampler sampler
}

// Run chooses among the methods for this series by rolling-origin validation,
// combines them and measures the spread of the combination. It is the full fit:
// some milliseconds for a thousand values. Errors are of KindUnprocessable or
// KindTooLarge and mean that the request has no sense; poor data gives warnings.
func Run(s Series, o Options) (*Forecast, error) {
	if err := s.check(o.Horizon); err != nil {
		return nil, err
	}
	for _, m := range o.Methods {
		if newModel(m) == nil {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "unknown method %q", m)
		}
	}
	in, warnings := prepare(s)
	if len(in.y) == 0 || in.constant {
		return flat(in, o.Horizon, warnings), nil
	}
	methods := o.Methods
	if len(methods) == 0 {
		methods = pool(in)
	}
	f := newFolds(len(in.y), o.Horizon)
	all := candidates(in, methods, f)
	weigh(in, all, f)
	state := State{Version: stateVersion, Horizon: o.Horizon}
	l := newLeveller(in, all, f)
	paths := combined(in, all, l, f)
	state.Spread = newSpread(in, f, paths)
	state.keep(all, l)
	warnings = append(warnings, evidenceWarnings(f)...)
	return finish(in, paths[f.count()], state, warnings), nil
}

// combined returns the combination's path from every origin.
func combined(in *input, all []candidate, l leveller, f folds) [][]float64 {
	paths := rows(len(f.origins), f.horizon)
	for i, p := range paths {
		medianPath(all, i, p)
		l.apply(i, p)
		addAnnual(in, f.origins[i], p)
		in.bound(p)
	}
	return paths
}

// evidenceWarnings tells when intervals rest on little.
func evidenceWarnings(f folds) []string {
	switch tests := f.independent(); {
	case f.count() == 0:
		return []string{"too short to validate: intervals are those of a random walk"}
	case tests < 1:
		return []string{fmt.Sprintf(
			"the horizon of %d steps is long for this history: intervals are uncertain", f.horizon)}
	}
	return nil
}

// flat is the forecast of a constant or of nothing. The spread of one single
// value is unknown; by convention it is as large as the value.
func flat(in *input, horizon int, warnings []string) *Forecast {
	path := make([]float64, horizon)
	state := State{Version: stateVersion, Horizon: horizon}
	state.Spread = Spread{First: 1}
	if len(in.y) > 0 {
		state.Members = []Member{{Method: Naive, Weight: 1}}
		for i := range path {
			path[i] = in.y[len(in.y)-1]
		}
	}
	if len(in.y) == 1 {
		v := math.Abs(in.y[0])
		state.Spread.Knots = [4]float64{-v, -v * z80 / z95, v * z80 / z95, v}
		state.Spread.Size = v
		for i, g := range shapeAt {
			state.Spread.Shape[i] = g / z95 * v
		}
	}
	return finish(in, path, state, warnings)
}

// finish puts the intervals around a path and restores the caller's unit.
func finish(in *input, path []float64, state State, warnings []string) *Forecast {
	h := len(path)
	r := rows(4, h)
	f := &Forecast{
		Mean: path, Lo95: r[0], Lo80: r[1], Hi80: r[2], Hi95: r[3],
		Model: state.describe(), Warnings: warnings, State: state,
	}
	f.sampler = newSampler(in, path, state.Spread)
	for i, v := range path {
		for k, off := range f.sampler.bounds[i] {
			r[k][i] = v + off
			if in.nonneg {
				r[k][i] = math.Max(0, r[k][i])
			}
		}
	}
	for _, bound := range r {
		in.restore(bound)
	}
	in.restore(path)
	return f
}

// describe names the members with at least a twentieth of the weight.
func (s State) describe() string {
	if len(s.Members) == 0 {
		return "none"
	}
	members := slices.Clone(s.Members)
	slices.SortStableFunc(members, func(a, b Member) int {
		switch {
		case a.Weight > b.Weight:
			return -1
		case a.Weight < b.Weight:
			return 1
		}
		return 0
	})
	var b strings.Builder
	for i, m := range members {
		if i > 0 && m.Weight < 0.05 {
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %.2f", m.Method, m.Weight)
	}
	return b.String()
}
