package pricing

import (
	"slices"

	"invoq"
)

// Sheet is a plan made ready for pricing: checked, its prices converted to the
// price of one unit. It never changes, so bills may be priced on it in
// parallel. Only Compile makes one.
type Sheet struct {
	plan   invoq.Plan
	digits int32 // of the currency's minor unit
	rates  []rate
}

// rate is a plan's rate with what pricing needs of it at hand.
type rate struct {
	invoq.Rate
	unitPrice invoq.Decimal
}

// Compile checks the plan as Validate does and makes it ready.
func Compile(plan invoq.Plan) (*Sheet, error) {
	if err := Validate(plan); err != nil {
		return nil, err
	}
	digits, _ := Digits(plan.Currency)
	s := &Sheet{plan: plan, digits: digits}
	for _, r := range plan.Rates {
		price, _ := unitPrice(r.Price, r.Units())
		s.rates = append(s.rates, rate{Rate: r, unitPrice: price})
	}
	return s, nil
}

// Price prices the usage of a period by a plan; see Sheet.Price.
func Price(plan invoq.Plan, period Period, usage []Item) (Statement, error) {
	s, err := Compile(plan)
	if err != nil {
		return Statement{}, err
	}
	return s.Price(period, usage)
}

// match returns the index of the first rate that prices the source's usage of
// the meter, or −1.
func (s *Sheet) match(source *Source, m invoq.Meter) int {
	return slices.IndexFunc(s.rates, func(r rate) bool {
		return r.Meter == m && selects(r.Where, source)
	})
}

// selects reports whether all conditions of the selector hold.
func selects(w invoq.Selector, source *Source) bool {
	if len(w.Services) > 0 && !slices.Contains(w.Services, source.Service) {
		return false
	}
	if len(w.Namespaces) > 0 && !slices.Contains(w.Namespaces, source.Namespace) {
		return false
	}
	for name, want := range w.Tags {
		if got, ok := source.Tags[name]; !ok || got != want {
			return false
		}
	}
	return true
}
