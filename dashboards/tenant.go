package dashboards

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/ledger"
	"invoq/pricing"
)

// TenantData is what a tenant's page is made from.
type TenantData struct {
	billing.Month
	// Bills are the latest ones, the newest period first.
	Bills []invoq.Bill
	// Latency is the usage of the last day, of which only the latency counts.
	Latency []invoq.Usage
	LastUse time.Time // zero: never
	Now     time.Time
	// Ahead are the days from today to the month's end; none: nothing is known.
	Ahead []AheadDay
	// People are the sums of the book by user, totals first, of PeopleMonth, a
	// month of UTC.
	People      []ledger.Margin
	PeopleMonth string
	// Plans are the names of the plans that bills name; Credits are the notes of
	// those bills.
	Plans   map[invoq.PlanID]string
	Credits map[invoq.BillID][]invoq.CreditNote
	// MonthEnd is the cost of the whole month; nil: nobody knows.
	MonthEnd *AheadCost
}

// TenantView is what a tenant's page shows.
type TenantView struct {
	Frame
	Name string
	// Facts are the tenant's plan, currency, zone and month, in a line.
	Facts   []string
	Notices []Notice
	Cards   []Card
	// ByDay and ByRevision are nil where there is nothing to draw.
	ByDay, ByRevision, Ahead *Chart
	Days                     []DayRow
	Revisions                []RevisionRow
	Meters                   []MeterRow
	// Lines say how the month's cost so far comes about.
	Lines []LineRow
	Total Figure
	Bills []BillRow
	// People is who used what is told by events; nil: nobody did.
	People *PeoplePanel
	// Functions is set when functions were used this month.
	Functions bool
	Setup     *Setup
	// Priced is set when the month has a plan.
	Priced bool
}

// RevisionRow is what one revision used this month.
type RevisionRow struct {
	Namespace, Service, Revision string
	Cost                         Figure
	Share                        string
	Quantities                   []Figure // one a meter, in the order of Meters
	P50, P95                     string   // of the last day; empty when unknown
}

// MeterRow is what was used of one meter this month.
type MeterRow struct {
	Name string
	Figure
	Note string
}

// NewTenant makes a tenant's page for a viewer.
func NewTenant(d TenantData, viewer Viewer, site Site) TenantView {
	name := string(d.Tenant.Name)
	v := TenantView{
		Frame:  Frame{Title: name, Section: "overview", Viewer: &viewer},
		Name:   name,
		Facts:  facts(&d.Month),
		Priced: d.Problem == "",
		Bills:  newBillRows(d, zoneOf(&d.Month)),
		People: newPeoplePanel(d, viewer),
	}
	v.Notices = tenantNotices(&d.Month, viewer, site)
	if len(d.Shares) == 0 {
		if v.People == nil {
			v.Setup = tenantSetup(site, d.Tenant)
		}
		return v
	}
	v.Functions = true
	all := latencies(d.Latency)
	v.Cards = tenantCards(d, all.overall)
	v.ByDay, v.Days = tenantDays(&d.Month)
	v.Ahead = aheadChart(&d.Month, d.Ahead)
	v.Revisions, v.ByRevision = revisions(&d.Month, all)
	v.Meters = meters(&d.Month)
	v.Lines = newLineRows(d.Bill.Lines, d.Bill.Currency, nil, zoneOf(&d.Month))
	v.Total = money(d.Bill.Total, d.Bill.Currency)
	return v
}

// facts are the lines beneath the title: plan, currency, zone.
func facts(m *billing.Month) []string {
	var all []string
	if m.Problem == "" {
		all = append(all, fmt.Sprintf("Plan %s, version %d", m.Plan.Name, m.Plan.Version))
	}
	all = append(all, "Billed in "+string(m.Tenant.Currency))
	if m.Bill.Period.Start.Before(m.Bill.Period.End) {
		all = append(all, span(m.Bill.Period.Start, m.Bill.Period.End, zoneOf(m)))
	}
	return append(all, m.Tenant.Timezone)
}

// tenantCards returns the figures above the charts.
func tenantCards(d TenantData, overall invoq.Latency) []Card {
	c := d.Tenant.Currency
	var all []Card
	if d.Problem == "" {
		all = append(
			all,
			Card{Label: "Month to date", Figure: money(d.Bill.Total, c), Note: "functions, by the plan"},
			Card{
				Label:  "Today",
				Figure: money(d.Today().Charge, c),
				Note:   "since midnight, " + d.Tenant.Timezone,
			},
		)
	}
	if d.Problem == "" && d.MonthEnd != nil {
		all = append(all, d.MonthEnd.card())
	}
	calls := d.Used(invoq.Invocations)
	invocations := Card{Label: "Invocations", Figure: count(calls), Note: "month to date"}
	if failed := d.Used(invoq.Errors); !failed.IsZero() && !calls.IsZero() {
		invocations.Note = percent(failed, calls) + " with errors"
	}
	last := ago(d.LastUse, d.Now, zoneOf(&d.Month))
	all = append(all, invocations)
	if p95, ok := overall.Quantile(0.95); ok {
		p50, _ := overall.Quantile(0.5)
		all = append(all, Card{
			Label:  "p95 of the last day",
			Figure: Figure{Text: latency(p95)},
			Note:   "half took under " + latency(p50),
		})
	}
	if last.Text != "" {
		all = append(all, Card{Label: "Last use", Figure: Figure{Text: last.Text}, Note: last.Full})
	}
	return all
}

// tenantDays draws the month's cost, or its invocations where nothing costs.
func tenantDays(m *billing.Month) (*Chart, []DayRow) {
	c := m.Tenant.Currency
	s := sketch{id: "by-day", label: "Cost by day", currency: c, series: []series{{name: "Cost"}}}
	byCost := slices.ContainsFunc(m.Days, func(d billing.Day) bool { return !d.Cost.IsZero() })
	if !byCost {
		s = sketch{id: "by-day", label: "Invocations by day", series: []series{{name: "Invocations"}}}
	}
	var table []DayRow
	for _, d := range m.Days {
		value := d.Invocations
		if byCost {
			value = d.Cost
		}
		s.categories = append(s.categories, shortDay(d.Day))
		s.series[0].values = append(s.series[0].values, value)
		table = append(table, newDayRow(d, c))
	}
	if len(table) == 0 {
		return nil, nil
	}
	chart := columns(s)
	return &chart, table
}

// drawnRevisions is how many revisions the chart has; the table has them all.
const drawnRevisions = 8

// revisions lists the month's revisions, the dearest first, and draws those.
func revisions(m *billing.Month, all latencyTable) ([]RevisionRow, *Chart) {
	shares := slices.Clone(m.Shares)
	var total invoq.Decimal
	for _, s := range shares {
		total = total.Add(s.Cost)
	}
	slices.SortStableFunc(shares, func(a, b billing.Share) int {
		return cmp.Or(b.Cost.Cmp(a.Cost), b.Invocations.Cmp(a.Invocations))
	})
	sk := sketch{
		id:       "by-revision",
		label:    "Cost by revision",
		currency: m.Tenant.Currency,
		series:   []series{{name: "Cost"}},
	}
	if total.IsZero() {
		sk = sketch{
			id:     "by-revision",
			label:  "Invocations by revision",
			series: []series{{name: "Invocations"}},
		}
	}
	var table []RevisionRow
	for i, s := range shares {
		row := RevisionRow{
			Namespace: s.Namespace, Service: s.Service, Revision: s.Revision,
			Cost: money(s.Cost, m.Tenant.Currency), Share: percent(s.Cost, total),
		}
		for _, meter := range invoq.Meters() {
			row.Quantities = append(row.Quantities, quantity(meter, s.Of(meter)))
		}
		row.P50, row.P95 = all.of(s)
		table = append(table, row)
		if i < drawnRevisions {
			value := s.Cost
			if total.IsZero() {
				value = s.Invocations
			}
			sk.categories = append(sk.categories, revisionLabel(s))
			sk.series[0].values = append(sk.series[0].values, value)
		}
	}
	if len(table) < 2 {
		return table, nil // One bar compares with nothing.
	}
	chart := rows(sk)
	return table, &chart
}

// revisionLabel names a revision: Knative's names have their service's within.
func revisionLabel(s billing.Share) string {
	if s.Revision == invoq.DefaultRevision || s.Revision == "" {
		return s.Service
	}
	if len(s.Revision) > len(s.Service) && s.Revision[:len(s.Service)] == s.Service {
		return s.Revision
	}
	return s.Service + " " + s.Revision
}

// meters returns the table of what was used.
func meters(m *billing.Month) []MeterRow {
	_, unsold := uncovered(m)
	var all []MeterRow
	for _, meter := range invoq.Meters() {
		row := MeterRow{Name: meterName(meter), Figure: quantity(meter, m.Used(meter))}
		if slices.ContainsFunc(unsold, func(u pricing.Unpriced) bool { return u.Meter == meter }) {
			row.Note = "not in the plan"
		}
		all = append(all, row)
	}
	return all
}

// latencyTable is the latency of revisions, and of all together.
type latencyTable struct {
	byKey   map[[3]string]invoq.Latency
	overall invoq.Latency
}

// latencies finds each revision's durations by its name.
func latencies(all []invoq.Usage) latencyTable {
	t := latencyTable{byKey: map[[3]string]invoq.Latency{}}
	for _, u := range all {
		t.byKey[[3]string{u.Namespace, u.Service, u.Revision}] = u.Latency
		t.overall.Merge(u.Latency)
	}
	return t
}

// of returns the median and the 95th percentile of a revision as they are shown.
func (t latencyTable) of(s billing.Share) (p50, p95 string) {
	l := t.byKey[[3]string{s.Namespace, s.Service, s.Revision}]
	median, ok := l.Quantile(0.5)
	if !ok {
		return "", ""
	}
	high, _ := l.Quantile(0.95)
	return latency(median), latency(high)
}

// tenantNotices says what is wrong or not certain about the month.
func tenantNotices(m *billing.Month, viewer Viewer, site Site) []Notice {
	var all []Notice
	if m.Problem != "" {
		n := Notice{Kind: "problem", Title: "Nothing is priced", Text: sentence(m.Problem)}
		switch {
		case !viewer.Owner:
			n.Text = "There is no price for this usage yet. Whoever runs this server has to see to it."
		case problemKind(m) == noPlan:
			n.Steps = []Step{planStep(site, m.Tenant.Currency)}
		}
		all = append(all, n)
	}
	if missed, _ := uncovered(m); m.Problem == "" && len(missed) > 0 {
		n := Notice{
			Kind:  "warning",
			Title: "Some usage has no price",
			Text:  "No rate of the plan covers it, so it is on no bill.",
		}
		for _, u := range missed {
			n.Items = append(n.Items, meterName(u.Meter)+": "+exactly(quantity(u.Meter, u.Quantity)))
		}
		all = append(all, n)
	}
	if len(m.Warnings) > 0 {
		n := Notice{Kind: "note", Title: "How certain the usage is"}
		for _, w := range m.Warnings {
			n.Items = append(n.Items, sentence(w))
		}
		all = append(all, n)
	}
	return all
}

// exactly writes a figure with its exact number behind.
func exactly(f Figure) string {
	if f.Exact == "" {
		return f.Text
	}
	return f.Text + " (" + f.Exact + ")"
}
