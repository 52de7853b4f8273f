package dashboards

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"invoq"
	"invoq/billing"
)

// topTenants is how many tenants stand out; the others are drawn as one.
const topTenants = 5

// OwnerData is what the owner's page is made from.
type OwnerData struct {
	*billing.Overview
	Query OwnerQuery
	// Margins are those of a month; nil where the book is empty.
	Margins *MonthMargins
	// Run is the last bill run; nil before the first.
	Run *BillRun
}

// OwnerView is what the owner's page shows: all tenants.
type OwnerView struct {
	Frame
	// Counted is how far usage has been counted; zero before the first run.
	Counted Moment
	Notices []Notice
	Cards   []Card
	// Money has one part a currency: amounts of two are never added up.
	Money []CurrencyView
	// Margins and Run are nil where there is nothing of them.
	Margins *MarginPanel
	Run     *RunPanel
	Table   TenantTable
	// Setup says what to do next; nil once there is something to show.
	Setup *Setup
}

// CurrencyView is what all tenants of one currency cost.
type CurrencyView struct {
	Currency string
	ByDay    Chart
	Days     []DayRow
	Top      []TopTenant
}

// DayRow is one day of a chart, for those who read.
type DayRow struct {
	Day  string
	Cost Figure
	// Invocations are of that day.
	Invocations Figure
}

// TopTenant is one of the tenants that cost most.
type TopTenant struct {
	Name, Href string
	Cost       Figure
	Share      string
	// Width is the share as a whole number from 0 to 100.
	Width string
}

// NewOwner makes the owner's page from where everybody stands.
func NewOwner(d OwnerData, viewer Viewer, site Site) OwnerView {
	o := d.Overview
	v := OwnerView{
		Frame:   Frame{Title: "Overview", Section: "overview", Viewer: &viewer},
		Counted: ago(o.Counted, o.At, time.UTC),
	}
	if len(o.Tenants) == 0 {
		v.Setup = ownerSetup(site)
		return v
	}
	all := entries(d)
	v.Table = newTenantTable(all, d.Query, o.At)
	v.Notices = ownerNotices(all, site)
	v.Run = newRunPanel(d.Run, o.At)
	if viewer.Costs {
		v.Margins = newMarginPanel(d.Margins)
	}
	for _, c := range o.Currencies {
		v.Cards = append(v.Cards, moneyCards(c)...)
		if !c.Total.IsZero() {
			v.Money = append(v.Money, newCurrencyView(c))
		}
	}
	v.Cards = append(v.Cards, usageCards(all)...)
	return v
}

// entry is a tenant with what the page asks of it more than once.
type entry struct {
	*billing.Standing
	invocations invoq.Decimal
	status      Status
	lastUse     time.Time // by functions or by events; zero: never
}

// entries returns what the table lists: every tenant, with its month if it has
// one, and what the book knows of its last use.
func entries(d OwnerData) []entry {
	all := make([]entry, len(d.Tenants))
	for i := range d.Tenants {
		s := &d.Tenants[i]
		e := entry{
			Standing: s, invocations: s.Used(invoq.Invocations), status: statusOf(&s.Month), lastUse: s.LastUse,
		}
		if d.Margins != nil {
			told, does := d.Margins.Tenants[s.Tenant.ID]
			if does && e.status.Kind == statusIdle {
				e.status = Status{Kind: statusFine, Text: "By events"}
			}
			if told.After(e.lastUse) {
				e.lastUse = told
			}
		}
		all[i] = e
	}
	return all
}

// moneyCards returns the figures of one currency; currencies are never added up.
func moneyCards(c *billing.CurrencyTotal) []Card {
	return []Card{
		{
			Label: "Month to date", Figure: money(c.Total, c.Currency),
			Note: plural(len(c.Tenants), "tenant", "tenants") + " billed in " + string(c.Currency),
		},
		{Label: "Today", Figure: money(c.Today, c.Currency), Note: "since each tenant's midnight"},
	}
}

// usageCards returns the figures that have no currency.
func usageCards(all []entry) []Card {
	var invocations invoq.Decimal
	active := 0
	for _, e := range all {
		invocations = invocations.Add(e.invocations)
		if !e.invocations.IsZero() {
			active++
		}
	}
	return []Card{
		{Label: "Invocations", Figure: count(invocations), Note: "month to date"},
		{
			Label: "Tenants", Figure: Figure{Text: grouped(itoa(len(all)))},
			Note: grouped(itoa(active)) + " active this month",
		},
	}
}

// newCurrencyView returns what is shown of one currency.
func newCurrencyView(c *billing.CurrencyTotal) CurrencyView {
	v := CurrencyView{Currency: string(c.Currency)}
	for _, s := range c.Tenants[:min(topTenants, len(c.Tenants))] {
		if s.Bill.Total.Sign() <= 0 {
			break
		}
		v.Top = append(v.Top, TopTenant{
			Name: string(s.Tenant.Name), Href: tenantHref(s.Tenant.ID),
			Cost:  money(s.Bill.Total, c.Currency),
			Share: percent(s.Bill.Total, c.Total),
			Width: s.Bill.Total.Scale(2).Quo(c.Total, 0).String(),
		})
	}
	v.ByDay = byDay(c, len(v.Top))
	for _, d := range c.Days {
		v.Days = append(v.Days, newDayRow(d, c.Currency))
	}
	return v
}

// byDay draws what the dearest tenants and the rest cost on each day.
func byDay(c *billing.CurrencyTotal, top int) Chart {
	s := sketch{
		id:       "cost-by-day-" + string(c.Currency),
		label:    fmt.Sprintf("Cost in %s by day, the dearest tenants apart", c.Currency),
		currency: c.Currency,
	}
	rest := make([]invoq.Decimal, len(c.Days))
	for i, d := range c.Days {
		s.categories = append(s.categories, shortDay(d.Day))
		rest[i] = d.Cost
	}
	for _, tenant := range c.Tenants[:top] {
		values := make([]invoq.Decimal, len(c.Days))
		for i, d := range c.Days {
			if n, found := dayIn(tenant.Days, d.Day); found {
				values[i] = tenant.Days[n].Cost
				rest[i] = rest[i].Sub(values[i])
			}
		}
		s.series = append(s.series, series{name: string(tenant.Tenant.Name), values: values})
	}
	others := len(c.Tenants) - top
	if others > 0 {
		s.series = append(s.series, series{name: plural(others, "other", "others"), values: rest})
	}
	chart := columns(s)
	chart.Rest = others > 0
	return chart
}

// ownerNotices says what keeps usage from being priced.
func ownerNotices(tenants []entry, site Site) []Notice {
	problems := map[string]int{}
	currency := invoq.DefaultCurrency // Of the last tenant without a plan.
	partly := 0
	for _, e := range tenants {
		switch kind := problemKind(&e.Month); {
		case e.status.Kind == statusPartly:
			partly++
		case e.status.Kind == statusProblem && kind == noPlan:
			currency = e.Tenant.Currency
			problems[kind]++
		case e.status.Kind == statusProblem:
			problems[kind]++
		}
	}
	var all []Notice
	if n := problems[noPlan]; n > 0 {
		all = append(all, Notice{
			Kind:  "problem",
			Title: plural(n, "tenant has", "tenants have") + " no plan",
			Text: "Their usage is counted but costs nothing yet. " +
				"It is priced from the start of the month once a plan is there.",
			Steps: []Step{planStep(site, currency)},
			Href:  OwnerQuery{Only: onlyAttention}.href(),
			Link:  "Show them",
		})
	}
	if n := problems[otherProblem]; n > 0 {
		all = append(all, Notice{
			Kind: "problem", Title: plural(n, "tenant", "tenants") + " cannot be priced",
			Text: "The table below says why.",
			Href: OwnerQuery{Only: onlyAttention}.href(), Link: "Show them",
		})
	}
	if partly > 0 {
		all = append(all, Notice{
			Kind:  "warning",
			Title: plural(partly, "tenant has", "tenants have") + " usage that no rate covers",
			Text:  "It is on no bill. Add a rate to their plan, or widen one.",
			Href:  OwnerQuery{Only: onlyAttention}.href(),
			Link:  "Show them",
		})
	}
	return all
}

// dayIn finds a day among days in order.
func dayIn(days []billing.Day, day string) (int, bool) {
	return slices.BinarySearchFunc(
		days,
		day,
		func(d billing.Day, day string) int { return cmp.Compare(d.Day, day) },
	)
}

// newDayRow returns a day of the table beneath a chart, which says the same in
// numbers.
func newDayRow(d billing.Day, c invoq.Currency) DayRow {
	return DayRow{Day: shortDay(d.Day), Cost: money(d.Cost, c), Invocations: count(d.Invocations)}
}

// tenantHref returns the address of a tenant's page.
func tenantHref(id invoq.TenantID) string { return "/tenants/" + string(id) }
