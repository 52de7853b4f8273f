package pricing

import (
	"fmt"
	"slices"
	"time"

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
	unitPrice    invoq.Decimal // exact, but for packages, which do not read it
	overagePrice invoq.Decimal
	tiers        []tier
	windowPrices []invoq.Decimal
	bands        []band // time_of_day only
}

// costPlus reports whether the rate is made of what usage cost the owner.
func (r *rate) costPlus() bool {
	return r.Kind == invoq.RateMarkup || r.Kind == invoq.RateSubsidized
}

// Compile checks the plan as Validate does and makes it ready. The sheet shares
// the plan's slices, which must not be changed from then on.
func Compile(plan invoq.Plan) (*Sheet, error) {
	if err := Validate(plan); err != nil {
		return nil, err
	}
	digits, _ := Digits(plan.Currency) // Validate has checked it.
	s := &Sheet{plan: plan, digits: digits}
	for _, r := range plan.Rates {
		s.rates = append(s.rates, compileRate(r))
	}
	return s, nil
}

// compileRate makes a valid rate ready.
func compileRate(r invoq.Rate) rate {
	if r.Kind == "" {
		r.Kind = invoq.RatePerUnit
	}
	each := func(price invoq.Decimal) invoq.Decimal {
		p, _ := unitPrice(price, r.Units())
		return p
	}
	c := rate{Rate: r, unitPrice: each(r.Price), overagePrice: each(r.Overage)}
	for i, t := range r.Tiers {
		c.tiers = append(c.tiers, tier{
			from: t.From, upTo: t.UpTo, open: t.UpTo.IsZero(),
			price: each(t.Price), label: fmt.Sprintf("tier %d", i+1),
		})
	}
	for _, w := range r.Windows {
		c.windowPrices = append(c.windowPrices, each(w.Price))
	}
	if r.Kind == invoq.RateTimeOfDay {
		c.bands, _ = bandsOf(r.Windows)
	}
	return c
}

// Plan returns the plan; its slices are the sheet's own.
func (s *Sheet) Plan() invoq.Plan { return s.plan }

// Cuts returns the instants from Period.UsageFrom to the end of the period,
// both included, at which a price of the plan can change, ascending. Usage may
// be summed between two of them before it is priced, and must not be summed
// across one.
func (s *Sheet) Cuts(period Period) ([]time.Time, error) {
	if err := period.Validate(); err != nil {
		return nil, err
	}
	var nanos []int64
	for _, t := range s.timelines(period, period.stretches()) {
		nanos = append(nanos, t.starts...)
	}
	slices.Sort(nanos)
	var cuts []time.Time
	for _, n := range slices.Compact(nanos) {
		cuts = append(cuts, time.Unix(0, n).UTC())
	}
	return cuts, nil
}

// timelines returns the timeline of each rate and, last, that of usage which
// no rate prices.
func (s *Sheet) timelines(period Period, all []stretch) []*timeline {
	coarse := newTimeline(all)
	times := make([]*timeline, len(s.rates)+1)
	for i := range times {
		times[i] = coarse
		if i < len(s.rates) && s.rates[i].bands != nil {
			times[i] = bandTimeline(coarse, s.rates[i].bands, period.Zone)
		}
	}
	return times
}

// match returns the index of the first rate that prices the source's usage of
// the meter, or the number of rates where none does.
func (s *Sheet) match(source *Source, m invoq.Meter) int {
	for i := range s.rates {
		if s.rates[i].Meter == m && selects(s.rates[i].Where, source) {
			return i
		}
	}
	return len(s.rates)
}

// Covers reports whether a rate of the plan prices the source's usage of the
// meter.
func (s *Sheet) Covers(source *Source, m invoq.Meter) bool {
	return s.match(source, m) < len(s.rates)
}

// RateOf returns the name of the rate that prices the source's usage of the meter,
// and whether there is one.
func (s *Sheet) RateOf(source *Source, m invoq.Meter) (name string, covered bool) {
	if i := s.match(source, m); i < len(s.rates) {
		return s.rates[i].Label(), true
	}
	return "", false
}

// AsksForTags reports whether a rate of the plan chooses sources by their tags.
func (s *Sheet) AsksForTags() bool {
	return slices.ContainsFunc(s.rates, func(r rate) bool { return len(r.Where.Tags) > 0 })
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
