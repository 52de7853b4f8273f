package storybook

import (
	"context"
	"slices"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/postgres"
)

// Now is the instant of all stories: early afternoon on a Sunday.
var Now = time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)

// function is a revision of a service, and how much it does.
type function struct {
	namespace, service, revision string
	// perDay is how often it is invoked on a Monday.
	perDay int64
	// millis and mb are what one invocation takes.
	millis, mb int64
	// from and until bound the days of its life, counted from 1970; 0 does not.
	from, until int
	// gapSeconds and assumed make its usage uncertain.
	gapSeconds, assumed int64
}

// client is a tenant with its functions.
type client struct {
	invoq.Tenant
	functions []function
}

// shop is a database in memory for the biller.
type shop struct {
	clients []*client
	plans   []invoq.Plan
	// before are versions of the plans before these.
	before []invoq.Plan
}

var _ billing.Database = (*shop)(nil)

// find returns the tenant of an id, or nil.
func (s *shop) find(id string) *client {
	for _, c := range s.clients {
		if string(c.ID) == id || string(c.Name) == id {
			return c
		}
	}
	return nil
}

// FindTenant returns a tenant by id or name.
func (s *shop) FindTenant(_ context.Context, _ invoq.Scope, idOrName string) (invoq.Tenant, error) {
	if c := s.find(idOrName); c != nil {
		return c.Tenant, nil
	}
	return invoq.Tenant{}, invoq.Errorf(invoq.KindNotFound, "no tenant %q", idOrName)
}

// PlanVersions returns the versions of a plan, the newest first.
func (s *shop) PlanVersions(_ context.Context, _ invoq.Scope, id invoq.PlanID) ([]invoq.Plan, error) {
	versions := slices.DeleteFunc(slices.Concat(s.plans, s.before),
		func(p invoq.Plan) bool { return p.ID != id })
	if len(versions) > 0 {
		return versions, nil
	}
	return nil, invoq.Errorf(invoq.KindNotFound, "no plan %q", id)
}

// PlanAssignments returns none: plans are found by the rules.
func (s *shop) PlanAssignments(
	context.Context, invoq.Scope, invoq.TenantID,
) ([]invoq.PlanAssignment, error) {
	return nil, nil
}

// BillHistory is empty: nothing was issued yet.
func (s *shop) BillHistory(
	context.Context, invoq.Scope, []invoq.TenantID, time.Time, time.Time,
) (postgres.History, error) {
	return postgres.History{}, nil
}

// PlansFor returns the plans that may price a tenant, its own first.
func (s *shop) PlansFor(_ context.Context, tenant invoq.TenantID) ([]invoq.Plan, error) {
	var own, shared []invoq.Plan
	for _, p := range s.plans {
		switch p.TenantID {
		case tenant:
			own = append(own, p)
		case "":
			shared = append(shared, p)
		}
	}
	return slices.Concat(own, shared), nil
}

// SumSpans returns the usage of each revision over spans of whole days.
func (s *shop) SumSpans(
	_ context.Context, _ invoq.Scope, spans []postgres.Span,
) ([][]invoq.Usage, error) {
	all := make([][]invoq.Usage, len(spans))
	for i, span := range spans {
		c := s.find(string(span.Tenant))
		zone, err := c.Location()
		if err != nil {
			return nil, err
		}
		for _, fn := range c.functions {
			u := fn.usage(c.Tenant)
			u.Interval = span.Interval
			for day := u.Start.In(zone); day.Before(u.End); day = day.AddDate(0, 0, 1) {
				u.Quantities = u.Add(fn.quantities(day))
			}
			if !u.IsZero() {
				all[i] = append(all[i], u)
			}
		}
	}
	return all, nil
}

// SumBook returns what SumSpans does, as entries of a book without a head.
func (s *shop) SumBook(
	ctx context.Context, scope invoq.Scope, spans []postgres.Span, _ int64,
) (postgres.BookSums, error) {
	usage, err := s.SumSpans(ctx, scope, spans)
	sums := postgres.BookSums{Spans: make([][]postgres.BookUsage, len(usage))}
	for i := range usage {
		for _, u := range usage[i] {
			for _, m := range invoq.Meters() {
				sums.Spans[i] = append(sums.Spans[i], postgres.BookUsage{
					Namespace: u.Namespace, Service: u.Service, Revision: u.Revision, Meter: m, Quantity: u.Of(m),
				})
			}
		}
	}
	return sums, err
}

// ServiceTags returns none: no service of the stories has any.
func (s *shop) ServiceTags(
	context.Context, invoq.Scope, []invoq.TenantID,
) (map[invoq.TenantID][]invoq.ServiceTags, error) {
	return nil, nil
}

// SumUsageByDay returns the usage of each revision on each day until now.
func (s *shop) SumUsageByDay(
	_ context.Context, _ invoq.Scope, f postgres.UsageFilter, zone *time.Location,
) ([]postgres.DayUsage, error) {
	c := s.find(string(f.Tenant))
	var all []postgres.DayUsage
	for day := f.Interval.Start.In(zone); day.Before(f.Interval.End) && day.Before(Now); day = day.AddDate(0, 0, 1) {
		for _, fn := range c.functions {
			u := fn.usage(c.Tenant)
			if u.Quantities = fn.quantities(day); !u.IsZero() {
				all = append(all, postgres.DayUsage{Day: day.Format(time.DateOnly), Usage: u})
			}
		}
	}
	return all, nil
}

// PutDraft keeps nothing.
func (s *shop) PutDraft(_ context.Context, _ invoq.Scope, b invoq.Bill) (invoq.Bill, error) {
	return b, nil
}

// usage returns one window of the function.
func (fn function) usage(t invoq.Tenant) invoq.Usage {
	return invoq.Usage{
		TenantID: t.ID, Tenant: t.Name, Namespace: fn.namespace, Service: fn.service, Revision: fn.revision,
		GapSeconds: invoq.NewDecimal(fn.gapSeconds, 0), Assumed: invoq.NewDecimal(fn.assumed, 0),
	}
}

// weekdays is how busy days are, in hundredths of a Monday, from Sunday.
var weekdays = [7]int64{46, 100, 104, 109, 103, 92, 51}

// quantities is what a day's usage is. Days differ by their weekday and, so
// that no two weeks look alike, by a remainder of their number.
func (fn function) quantities(day time.Time) invoq.Quantities {
	number := int(time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
	if fn.from > 0 && number < fn.from || fn.until > 0 && number >= fn.until {
		return invoq.Quantities{}
	}
	wobble := 92 + int64(number*37+len(fn.service)*11)%17
	n := fn.perDay * weekdays[day.Weekday()] * wobble / 10000
	if end := day.AddDate(0, 0, 1); end.After(Now) {
		n = n * int64(Now.Sub(day)/time.Minute) / int64(end.Sub(day)/time.Minute) // The day is not over.
	}
	duration := n * fn.millis
	return invoq.Quantities{
		Invocations: invoq.NewDecimal(n, 0),
		DurationMs:  invoq.NewDecimal(duration*1000+n*7, -3),
		MBMs:        invoq.NewDecimal(duration*fn.mb*1000+n*311, -3),
		CPUMs:       invoq.NewDecimal(duration*4, -1),
		ColdStarts:  invoq.NewDecimal(n/4200, 0),
		Errors:      invoq.NewDecimal(n/1300, 0),
	}
}

// latency is how long a day's invocations took: most of them about as long as
// the function says, few much longer.
func (fn function) latency() invoq.Latency {
	var l invoq.Latency
	millis := float64(fn.millis)
	for _, b := range []struct {
		upper float64
		share int64
	}{{0.5, 18}, {1, 44}, {1.5, 24}, {2, 9}, {4, 4}, {10, 1}} {
		l.Observe(millis*b.upper, fn.perDay*b.share/100)
	}
	return l
}
