package cost

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"invoq"
)

// Crossing tells whether and when the cost of the period exceeds a budget.
type Crossing struct {
	Budget invoq.Decimal `json:"budget"`
	// Already is true when the period costs more than the budget even if nothing
	// more is used; then the probability is one and the times are zero.
	Already bool `json:"already"`
	// Probability is the share of futures that cross within the period, 0 to 1.
	Probability float64 `json:"probability"`
	// When is the middle one of the instants at which those futures cross, and the
	// bounds hold it with 80 and 95 % probability, given that it happens. Each is
	// the end of a step. Zero where no future crosses.
	When time.Time `json:"when,omitzero"`
	Lo80 time.Time `json:"lo80,omitzero"`
	Hi80 time.Time `json:"hi80,omitzero"`
	Lo95 time.Time `json:"lo95,omitzero"`
	Hi95 time.Time `json:"hi95,omitzero"`
}

// crossing looks for the instant in each future whose period costs more than the
// budget. Cost does not fall while usage grows, so halving finds it; volume tiers
// alone may let it fall, and then one of the crossings is found.
func (b *book) crossing(budget, soFar invoq.Decimal, futures []future) (*Crossing, error) {
	c := &Crossing{Budget: budget}
	if soFar.Cmp(budget) > 0 {
		c.Already, c.Probability = true, 1
		return c, nil
	}
	ends := b.ends()
	var when []time.Time
	for _, f := range futures {
		if f.cost.Cmp(budget) <= 0 {
			continue
		}
		t, err := b.firstAbove(budget, f.path, ends)
		if err != nil {
			return nil, err
		}
		when = append(when, t)
	}
	c.Probability = float64(len(when)) / float64(len(futures))
	if len(when) > 0 {
		slices.SortFunc(when, time.Time.Compare)
		q := quantilesOf(when)
		c.When, c.Lo80, c.Hi80, c.Lo95, c.Hi95 = q.median, q.lo80, q.hi80, q.lo95, q.hi95
	}
	return c, nil
}

// firstAbove returns the first of the ends by which the path costs more than the
// budget; the last one does.
func (b *book) firstAbove(budget invoq.Decimal, path int, ends []time.Time) (time.Time, error) {
	var failed error
	i := sort.Search(len(ends)-1, func(i int) bool {
		st, err := b.priceUntil(path, ends[i])
		if err != nil {
			failed = err
		}
		return err != nil || st.Total.Cmp(budget) > 0
	})
	if failed != nil {
		return time.Time{}, fmt.Errorf("look for the crossing of %s: %w", budget, failed)
	}
	return ends[i], nil
}

// ends are the ends of all steps of all series within the period, ascending,
// and the end of the period.
func (b *book) ends() []time.Time {
	period := b.in.Period.Interval
	all := []time.Time{period.End}
	for _, s := range b.in.Ahead {
		for step := range s.Forecast.Mean {
			t := s.Start.Add(time.Duration(step+1) * s.Step)
			if period.Contains(t) {
				all = append(all, t)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}
