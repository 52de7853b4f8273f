package pricing

import (
	"cmp"
	"fmt"
	"slices"

	"invoq"
)

// MaxSimulated bounds the plans of one simulation.
const MaxSimulated = 50

// Simulation is what several plans ask for the same usage, side by side.
type Simulation struct {
	// Results are in the order of the plans; the first is what the others are
	// compared with.
	Results []SimulationResult `json:"results"`
	// Rows have a month's charges of one meter and kind of line, by month, then
	// in the order in which the plans first name them.
	Rows []SimulationRow `json:"rows"`
}

// SimulationResult is one plan's statement and how its total differs.
type SimulationResult struct {
	PlanID     invoq.PlanID  `json:"plan_id,omitempty"`
	Plan       string        `json:"plan"`
	Version    int           `json:"version,omitempty"`
	Statement  Statement     `json:"statement"`
	Difference invoq.Decimal `json:"difference"` // its total − the first plan's
}

// SimulationRow is one charge under every plan. Fees and minimums have no
// meter and are told apart by name.
type SimulationRow struct {
	Month string         `json:"month"`
	Meter invoq.Meter    `json:"meter,omitempty"`
	Name  string         `json:"name,omitempty"`
	Kind  invoq.LineKind `json:"kind"`
	// Amounts are in the order of the plans, 0 where a plan has no such line;
	// Differences are each amount − the first plan's.
	Amounts     []invoq.Decimal `json:"amounts"`
	Differences []invoq.Decimal `json:"differences"`
}

// Simulate prices the same usage of the same period by each plan. It is Price
// itself that does it, so a simulated total is what the bill would be.
//
// Errors are those of Price, with the plan's name, and of KindUnprocessable
// where currencies differ, since nothing here converts them.
func Simulate(plans []invoq.Plan, period Period, usage []Item) (Simulation, error) {
	return SimulateWith(plans, period, usage, func(int, *Statement) error { return nil })
}

// SimulateWith is Simulate for bills that have more than what plans price: add
// puts on the statement of each plan, by its number, what else they have.
func SimulateWith(
	plans []invoq.Plan, period Period, usage []Item, add func(plan int, s *Statement) error,
) (Simulation, error) {
	if len(plans) == 0 || len(plans) > MaxSimulated {
		return Simulation{}, invoq.Errorf(invoq.KindUnprocessable,
			"plans: there are %d, from 1 to %d are simulated", len(plans), MaxSimulated)
	}
	var s Simulation
	for i, plan := range plans {
		if plan.Currency != plans[0].Currency {
			return Simulation{}, invoq.Errorf(invoq.KindUnprocessable,
				"plan %q is in %s and plan %q in %s; nothing converts them",
				plans[0].Name, plans[0].Currency, plan.Name, plan.Currency)
		}
		st, err := Price(plan, period, usage)
		if err == nil {
			err = add(i, &st)
		}
		if err != nil {
			return Simulation{}, fmt.Errorf("simulate plan %q: %w", plan.Name, err)
		}
		s.Results = append(s.Results, SimulationResult{
			PlanID: plan.ID, Plan: plan.Name, Version: plan.Version, Statement: st,
		})
	}
	s.rows()
	first := s.Results[0].Statement.Total
	for i := range s.Results {
		s.Results[i].Difference = s.Results[i].Statement.Total.Sub(first)
	}
	return s, nil
}

// rowKey tells rows apart.
type rowKey struct {
	month string
	meter invoq.Meter
	name  string
	kind  invoq.LineKind
}

// rows lays the lines of all results side by side.
func (s *Simulation) rows() {
	index := map[rowKey]int{}
	for i, result := range s.Results {
		for _, line := range result.Statement.Lines {
			key := rowKey{month: line.Month, meter: line.Meter, kind: line.Kind}
			if line.Meter == "" {
				key.name = line.Rate
			}
			at, ok := index[key]
			if !ok {
				at = len(s.Rows)
				index[key] = at
				s.Rows = append(s.Rows, SimulationRow{
					Month: key.month, Meter: key.meter, Name: key.name, Kind: key.kind,
					Amounts:     make([]invoq.Decimal, len(s.Results)),
					Differences: make([]invoq.Decimal, len(s.Results)),
				})
			}
			amounts := s.Rows[at].Amounts
			amounts[i] = amounts[i].Add(line.Amount)
		}
	}
	slices.SortStableFunc(s.Rows, func(a, b SimulationRow) int {
		return cmp.Compare(a.Month, b.Month)
	})
	for _, row := range s.Rows {
		for i, amount := range row.Amounts {
			row.Differences[i] = amount.Sub(row.Amounts[0])
		}
	}
}
