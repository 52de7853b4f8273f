package forecast

import (
	"fmt"

	"invoq"
)

// stateVersion changes when the meaning of a State's numbers does.
const stateVersion = 2

// State is what Run learned about a series: the methods with their parameters
// and weights, and the spread of their errors. It can be kept as JSON and given
// to Refresh when newer values have come in.
type State struct {
	Version int
	Horizon int
	// Members make the path, Levels its total where Share is above zero.
	Members []Member
	Levels  []Member `json:",omitempty"`
	Share   float64  `json:",omitempty"`
	Spread  Spread
}

// Member is one method of a combination. Weights of a list sum to one.
type Member struct {
	Method Method
	Weight float64
	Params []float64 `json:",omitempty"`
}

// keep stores the candidates that have weight.
func (s *State) keep(all []candidate, l leveller) {
	s.Members = membersOf(all)
	if l.share > 0 {
		s.Levels, s.Share = membersOf(l.by), l.share
	}
}

func membersOf(all []candidate) []Member {
	total := 0.0
	for _, c := range all {
		total += c.weight
	}
	var out []Member
	for _, c := range all {
		if c.weight > 0 {
			out = append(out, Member{Method: c.method, Weight: c.weight / total, Params: c.params})
		}
	}
	return out
}

// Refresh repeats a forecast for a series that has grown, with the parameters,
// weights and spread of an earlier Run: nothing is fitted or validated, so it
// costs a small part of Run. It serves as long as the series behaves as it did;
// run anew once a day of hours or so. The values of s must continue those of the
// Run, with Start telling how many were dropped in front.
//
// Errors are those of Run, and KindConflict for a state of another version.
func Refresh(s Series, state State) (*Forecast, error) {
	if state.Version != stateVersion {
		return nil, invoq.Errorf(invoq.KindConflict,
			"forecast state has version %d, not %d: run the forecast anew",
			state.Version, stateVersion)
	}
	if err := s.check(state.Horizon); err != nil {
		return nil, err
	}
	in, warnings := prepare(s)
	if len(in.y) == 0 || in.constant {
		return flat(in, state.Horizon, warnings), nil
	}
	all, lost := revive(in, state.Members, state.Horizon)
	if len(all) == 0 {
		return Run(s, Options{Horizon: state.Horizon})
	}
	if len(lost) > 0 {
		warnings = append(warnings, fmt.Sprintf("parameters no longer fit: %v", lost))
	}
	levels, _ := revive(in, state.Levels, state.Horizon)
	l := leveller{by: levels}
	if len(levels) > 0 {
		l.share = state.Share
	}
	f := folds{origins: []int{len(in.y)}, horizon: state.Horizon, step: state.Horizon}
	path := combined(in, all, l, f)[0]
	return finish(in, path, state, warnings), nil
}

// revive makes candidates of members, each with a path from the end, and names
// those whose parameters do not fit the series any more.
func revive(in *input, members []Member, horizon int) (all []candidate, lost []Method) {
	paths := rows(len(members), horizon)
	for i, m := range members {
		model := newModel(m.Method)
		if model == nil || !model.again(in, m.Params, paths[i]) {
			lost = append(lost, m.Method)
			continue
		}
		in.bound(paths[i])
		all = append(all, candidate{
			method: m.Method, model: model, params: m.Params,
			weight: m.Weight, paths: paths[i : i+1],
		})
	}
	return all, lost
}
