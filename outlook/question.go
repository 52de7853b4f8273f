package outlook

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/forecast"
	"invoq/forecast/cost"
	"invoq/postgres"
	"invoq/pricing"
)

// maxServices is how many services of a tenant are forecast apart; the smaller
// ones are looked at as one. Each costs some 0.2 s of an answer.
const maxServices = 20

// question is one period to be priced ahead, with all that is known.
type question struct {
	request  Request
	period   pricing.Period
	from     time.Time // where the forecasts begin
	steps    int       // until the period ends
	terms    billing.Terms
	history  history
	fits     *fits
	services map[invoq.ServiceID]*pricing.Source // those priced apart; nil: none
	warnings []string
}

// ask gathers what a tenant's period is predicted from.
func (o *Outlooks) ask(
	ctx context.Context, r Request, from time.Time, period invoq.Interval,
) (*question, error) {
	zone, err := r.Tenant.Location()
	if err != nil {
		return nil, err
	}
	step := r.Horizon.Window.Duration()
	q := &question{
		request: r, from: from, fits: o.fits, period: pricing.Period{Interval: period, Zone: zone},
		steps: max(1, int((period.End.Sub(from)+step-1)/step)),
	}
	if q.terms, err = o.biller.Terms(ctx, r.Tenant, q.period, from); err != nil {
		return nil, err
	}
	q.warnings = q.terms.Warnings
	apart := selects(q.terms.Sheet.Plan())
	points, err := o.db.UsageSeries(ctx, invoq.Only(r.Tenant.ID), postgres.SeriesFilter{
		Tenant: r.Tenant.ID, Service: r.Service.ID, Interval: r.Horizon.lookBack(from),
		Window: r.Horizon.Window, ByService: apart,
	})
	if err != nil {
		return nil, err
	}
	q.history = newHistory(r.Horizon, from, points)
	if apart {
		return q, o.nameServices(ctx, q)
	}
	q.forgetSources()
	return q, nil
}

// selects reports whether a rate of the plan asks who used something.
func selects(p invoq.Plan) bool {
	return slices.ContainsFunc(p.Rates, func(r invoq.Rate) bool { return !r.Where.IsZero() })
}

// forgetSources takes from the usage so far who used it: its price is the same,
// and far quicker to find.
func (q *question) forgetSources() {
	for i := range q.terms.Used {
		q.terms.Used[i].Source = nil
	}
}

// nameServices finds how the plan knows the services that used something.
func (o *Outlooks) nameServices(ctx context.Context, q *question) error {
	q.services = map[invoq.ServiceID]*pricing.Source{}
	page := invoq.Page{Limit: invoq.MaxPageSize}
	t := q.request.Tenant.ID
	for {
		some, err := o.db.ListServices(ctx, invoq.Only(t), t, page)
		if err != nil {
			return err
		}
		for _, s := range some {
			if q.history.services[s.ID] != nil {
				q.services[s.ID] = &pricing.Source{Namespace: s.Namespace, Service: s.Name, Tags: s.Tags}
			}
		}
		if len(some) < page.Limit {
			break
		}
		page.After = string(some[len(some)-1].ID)
	}
	q.joinSmall()
	return nil
}

// joinSmall makes one use, of nobody known, of those of the smallest services.
func (q *question) joinSmall() {
	if len(q.services) <= maxServices {
		return
	}
	calls := map[invoq.ServiceID]float64{}
	for id := range q.services {
		for _, v := range q.history.services[id][0] {
			calls[id] += v
		}
	}
	small := slices.SortedFunc(maps.Keys(calls), func(a, b invoq.ServiceID) int {
		return cmp.Or(cmp.Compare(calls[b], calls[a]), cmp.Compare(a, b))
	})[maxServices-1:]
	rest := use(nil)
	for _, id := range small {
		rest = join(rest, q.history.services[id])
		delete(q.services, id)
	}
	q.history.services[others], q.services[others] = rest, nil
	q.warnings = append(q.warnings, fmt.Sprintf(
		"the %d smallest services are forecast as one, and prices for services do not see them",
		len(small)))
}

// others stands for the smallest services together; no id is like it.
const others invoq.ServiceID = "others"

// join adds two uses that end at the same time.
func join(a, b use) use {
	if len(a) == 0 || len(b) > 0 && len(b[0]) > len(a[0]) {
		a, b = b, a
	}
	sum := make(use, len(a))
	for m := range a {
		sum[m] = slices.Clone(a[m])
		if len(b) == 0 {
			continue
		}
		shared := sum[m][len(sum[m])-len(b[m]):]
		for i, v := range b[m] {
			shared[i] += v
		}
	}
	return sum
}

// ahead forecasts the first so many meters of a use until the period ends, and
// all that have a price.
func (q *question) ahead(service invoq.ServiceID, first int) ([]*forecast.Forecast, error) {
	wanted := make([]bool, len(meters))
	for m := range wanted {
		wanted[m] = m < first || q.prices(meters[m])
	}
	return q.history.ahead(q.fits, fitKey{
		tenant: q.request.Tenant.ID, only: q.request.Service.ID, service: service,
		horizon: q.request.Horizon.Name,
	}, q.steps, wanted)
}

// estimate prices the forecasts of the whole, or of each service where the plan
// tells them apart.
func (q *question) estimate(total []*forecast.Forecast, budget invoq.Decimal) (*cost.Outlook, error) {
	in := cost.Input{
		Sheet: q.terms.Sheet, Period: q.terms.Period, Used: q.terms.Used, Seed: seed,
	}
	if q.services == nil {
		in.Ahead = q.series(nil, total)
	}
	for _, id := range slices.Sorted(maps.Keys(q.services)) {
		some, err := q.ahead(id, 0)
		if err != nil {
			return nil, err
		}
		in.Ahead = append(in.Ahead, q.series(q.services[id], some)...)
	}
	// What earlier parts of the period cost is spent: the rest of the budget counts.
	left := budget.Sub(q.terms.Before)
	if left.Sign() > 0 {
		in.Budget = left
	}
	out, err := cost.Estimate(in)
	switch {
	case err != nil:
		return nil, err
	case budget.Sign() > 0 && left.Sign() <= 0:
		out.Crossing = &cost.Crossing{Budget: budget, Already: true, Probability: 1}
	case out.Crossing != nil:
		out.Crossing.Budget = budget
	}
	return out, nil
}

// series gives the forecasts of one source, of meters that have a price, the
// form in which they are priced.
func (q *question) series(source *pricing.Source, all []*forecast.Forecast) []cost.Series {
	var out []cost.Series
	for m, f := range all {
		if f != nil && q.prices(meters[m]) {
			out = append(out, cost.Series{
				Meter: meters[m], Source: source, Start: q.from,
				Step: q.request.Horizon.Window.Duration(), Forecast: f,
			})
		}
	}
	return out
}

// prices reports whether the plan has a rate for the meter.
func (q *question) prices(m invoq.Meter) bool {
	return slices.ContainsFunc(q.terms.Sheet.Plan().Rates, func(r invoq.Rate) bool { return r.Meter == m })
}

// components says what will be used of each meter.
func (q *question) components(total []*forecast.Forecast) []Component {
	all := make([]Component, len(total))
	for m, f := range total {
		all[m] = Component{Meter: meters[m], Priced: q.prices(meters[m])}
		if f != nil {
			all[m].Total, all[m].Model = f.Total(seed), f.Model
		}
	}
	return all
}

// amounts are those of the whole period asked for; of a service, what it adds.
func (q *question) amounts(o *cost.Outlook) Amounts {
	shift := q.terms.Before
	if q.request.Service.ID != "" {
		shift = o.SoFar.Neg()
	}
	return Amounts{
		Expected: o.Expected.Add(shift), Lo80: o.Lo80.Add(shift), Hi80: o.Hi80.Add(shift),
		Lo95: o.Lo95.Add(shift), Hi95: o.Hi95.Add(shift),
	}
}
