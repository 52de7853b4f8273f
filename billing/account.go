package billing

import (
	"fmt"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// account is one period of one tenant, to be priced.
type account struct {
	tenant invoq.Tenant
	period pricing.Period
	parts  []part // in order of time; they cover the period
	// spans are the stretches that usage is summed over, in order of time; the
	// first begins where the period's first month does.
	spans []postgres.Span
}

// newAccount returns an account whose spans of usage lie between all instants
// at which a price can change, so that no sum reaches over one.
func newAccount(t invoq.Tenant, p pricing.Period, parts []part) (*account, error) {
	a := &account{tenant: t, period: p, parts: parts}
	var cuts []time.Time
	for _, x := range parts {
		some, err := x.sheet.Cuts(pricing.Period{Interval: x.Interval, Zone: p.Zone})
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, some...)
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	for i := 1; i < len(cuts); i++ {
		if !invoq.Window5m.Floor(cuts[i]).Equal(cuts[i]) {
			return nil, invoq.Errorf(invoq.KindUnprocessable,
				"a price changes at %s, but usage is counted in windows of five minutes",
				cuts[i].Format(time.RFC3339))
		}
		a.spans = append(a.spans, a.span(invoq.Interval{Start: cuts[i-1], End: cuts[i]}))
	}
	return a, nil
}

// span returns a stretch of the account's time, and says when it is a month.
func (a *account) span(i invoq.Interval) postgres.Span {
	s := postgres.Span{Tenant: a.tenant.ID, Interval: i}
	local := i.Start.In(a.period.Zone)
	if same(pricing.NewMonth(local.Year(), local.Month(), a.period.Zone).Interval, i) {
		s.Month, s.Zone = local.Format("2006-01"), a.period.Zone.String()
	}
	return s
}

// asksForTags reports whether a rate chooses services by their tags.
func (a *account) asksForTags() bool {
	return slices.ContainsFunc(a.parts, func(p part) bool { return p.sheet.AsksForTags() })
}

// statement is what an account comes to.
type statement struct {
	lines    []invoq.BillLine
	total    invoq.Decimal
	exact    invoq.Decimal
	unpriced []pricing.Unpriced
	warnings []string
	pinned   invoq.Pinned // but the head
}

// items turns sums of windows into what is priced, in order of time, and adds up
// what is not certain about those within the period.
func (a *account) items(usage [][]invoq.Usage) ([]pricing.Item, uncertainty) {
	n := 0
	for _, us := range usage {
		n += len(us)
	}
	items := make([]pricing.Item, 0, n*len(invoq.Meters()))
	sources := map[revisionKey]*pricing.Source{}
	var doubt uncertainty
	for i, us := range usage {
		within := !a.spans[i].Interval.Start.Before(a.period.Start)
		for j := range us {
			u := &us[j]
			key := revisionKey{u.Namespace, u.Service, u.Revision}
			source := sources[key]
			if source == nil {
				source = &pricing.Source{
					Namespace: u.Namespace, Service: u.Service, Revision: u.Revision, Tags: u.Tags,
				}
				sources[key] = source
			}
			items = appendItems(items, u, source)
			if within {
				doubt.add(u)
			}
		}
	}
	return items, doubt
}

// revisionKey tells the revisions of a tenant apart.
type revisionKey struct{ namespace, service, revision string }

// appendItems adds an item for each meter that was used.
func appendItems(items []pricing.Item, u *invoq.Usage, source *pricing.Source) []pricing.Item {
	for _, m := range meters {
		if q := u.Of(m); !q.IsZero() {
			items = append(items, pricing.Item{
				Interval: u.Interval, Source: source, Meter: m, Quantity: q,
			})
		}
	}
	return items
}

// meters are those of functions, in the order of bills.
var meters = invoq.Meters()

// priceParts prices each part by its own sheet. Items are in order of time and
// begin where the first part's month does. A part in the middle of a month
// continues the month: what was used before, under whichever plan, has used up
// free units and filled tiers, so that moving to an equal plan changes nothing.
func priceParts(parts []part, zone *time.Location, items []pricing.Item) (statement, error) {
	var st statement
	for _, p := range parts {
		period := pricing.Period{Interval: p.Interval, Zone: zone}
		s, err := p.sheet.Price(period, between(items, period.UsageFrom(), p.End))
		if err != nil {
			return statement{}, err
		}
		if len(parts) > 1 {
			for i := range s.Lines {
				mark(&s.Lines[i], p.billPart())
			}
		}
		st.lines = append(st.lines, s.Lines...)
		st.total, st.exact = st.total.Add(s.Total), st.exact.Add(s.Exact)
		st.unpriced = addUnpriced(st.unpriced, s.Unpriced)
		st.warnings = append(st.warnings, s.Warnings...)
	}
	return st, nil
}

// mark says on a line which part of a bill it is of.
func mark(l *invoq.BillLine, p invoq.BillPart) {
	l.Period, l.PlanID, l.PlanVersion = p.Period, p.PlanID, p.PlanVersion
}

// between returns the items from an instant to another.
func between(items []pricing.Item, from, to time.Time) []pricing.Item {
	find := func(at time.Time) int {
		n, _ := slices.BinarySearchFunc(items, at, func(x pricing.Item, at time.Time) int {
			return x.Start.Compare(at)
		})
		return n
	}
	return items[find(from):find(to)]
}

// addUnpriced adds up what has no price, by meter, reason and
// currency.
func addUnpriced(to, more []pricing.Unpriced) []pricing.Unpriced {
	for _, u := range more {
		at := slices.IndexFunc(to, func(x pricing.Unpriced) bool {
			return x.Meter == u.Meter && x.Reason == u.Reason && x.Charged == u.Charged
		})
		if at < 0 {
			to = append(to, u)
			continue
		}
		to[at].Quantity = to[at].Quantity.Add(u.Quantity)
	}
	return to
}

// uncertainty adds up what is not certain about usage.
type uncertainty struct {
	assumed, unmeasured, gap invoq.Decimal
}

func (x *uncertainty) add(u *invoq.Usage) {
	x.assumed = x.assumed.Add(u.Assumed)
	x.unmeasured = x.unmeasured.Add(u.UnmeasuredMs)
	x.gap = x.gap.Add(u.GapSeconds)
}

// warnings says what a reader must know before the sum is believed.
func (x uncertainty) warnings() []string {
	var all []string
	if !x.assumed.IsZero() {
		all = append(all, fmt.Sprintf("%s invocations were counted from first samples whose start "+
			"nobody told, while the tenant was newly watched", x.assumed))
	}
	if !x.unmeasured.IsZero() {
		all = append(all, fmt.Sprintf("%s ms of duration had no known memory and are not in mb_ms: "+
			"export a memory gauge or set the service's memory_limit_mb", x.unmeasured))
	}
	if !x.gap.IsZero() {
		all = append(all, fmt.Sprintf("%s pod-seconds were seen by no scrape; what was used in them and "+
			"lost with the pod is not counted", x.gap))
	}
	return all
}
