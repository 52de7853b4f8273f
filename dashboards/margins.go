package dashboards

import (
	"strings"

	"invoq"
	"invoq/ledger"
)

// MarginsData is what the page of margins is made from, all of one moment.
type MarginsData struct {
	Query MarginsQuery
	// Tenant is whose margins are shown; empty: everybody's.
	Tenant invoq.TenantName
	// Months are those that the book has entries of, the latest first.
	Months []string
	// Rows are the sums of the table, Users and Days those by user and by day;
	// totals come first. Of Users the totals count.
	Rows, Users, Days []ledger.Margin
	// Unpriced is what lacks a cost or a price.
	Unpriced []ledger.Consumption
}

// MarginsView is what the page of margins shows: what is left of what is billed.
type MarginsView struct {
	Frame
	Heading string
	Tenant  string // empty: everybody's
	Picker  MonthPicker
	Notices []Notice
	Cards   []Card
	Charts  []MarginChart
	Table   MarginTable
	// Nothing says why there is nothing to show; empty where there is.
	Nothing string
}

// MarginChart is the margin of one currency by day.
type MarginChart struct {
	Currency string
	ByDay    Chart
	Days     []MarginRow
}

// MarginTable is the table of margins.
type MarginTable struct {
	Query MarginsQuery
	Tabs  []Tab
	// All and Losing lead to everything and to what loses.
	All, Losing string
	Rows        []MarginRow
	Found       string
	// Previous and Next lead to the pages beside; empty at the ends.
	Previous, Next string
	Searchable     bool
}

// Tab leads to the same page, cut in another way.
type Tab struct {
	Label, Href string
	Chosen      bool
}

// MarginRow is one sum of entries.
type MarginRow struct {
	Name, Sub, Href      string
	Real, Billed, Margin Figure
	// Share is the margin as a part of what is billed.
	Share  string
	Status Status
	// Unpriced says how many entries lack a cost or a price; empty: none does.
	Unpriced string
}

// NewMargins makes the page of margins.
func NewMargins(d MarginsData, viewer Viewer) MarginsView {
	v := MarginsView{
		Frame:   Frame{Title: "Margins", Section: "margins", Viewer: &viewer},
		Heading: "Margins in " + monthName(d.Query.Month),
		Tenant:  string(d.Tenant),
		Picker: newMonthPicker(d.Query.Month, d.Months, func(month string) string {
			q := d.Query
			q.Month, q.Page = month, 1
			return q.href()
		}),
	}
	totals, rows := split(d.Rows)
	if len(totals) == 0 {
		v.Nothing = "No usage was told or posted in " + monthName(d.Query.Month) + "."
		return v
	}
	v.Notices = unpricedNotices(totals, d.Unpriced)
	users, _ := split(d.Users)
	v.Cards = append(marginCards(totals), loserCard(users))
	v.Charts = marginCharts(d.Days)
	v.Table = newMarginTable(d.Query, totals, rows)
	return v
}

// split parts totals from sums.
func split(all []ledger.Margin) (totals, rows []ledger.Margin) {
	for i, m := range all {
		if !m.Total {
			return all[:i], all[i:]
		}
	}
	return all, nil
}

// marginCards are the totals of each currency; two are never added up.
func marginCards(totals []ledger.Margin) []Card {
	var all []Card
	for _, m := range totals {
		if m.Currency == "" {
			continue // Nothing of it has a cost.
		}
		margin := Card{Label: "Margin", Figure: money(m.Margin(), m.Currency)}
		if share := percent(m.Margin(), m.BilledCost); share != "" {
			margin.Note = share + " of what is billed"
		}
		all = append(all,
			Card{Label: "Real cost", Figure: money(m.RealCost, m.Currency), Note: "what it cost you"},
			Card{Label: "Billed", Figure: money(m.BilledCost, m.Currency), Note: "what users are charged"},
			margin)
	}
	return all
}

// loserCard counts who costs more than they pay.
func loserCard(users []ledger.Margin) Card {
	var losing, all int64
	for _, m := range users {
		losing, all = losing+m.Losing, all+m.Rows
	}
	return Card{
		Label: "Users at a loss", Figure: Figure{Text: grouped(itoa(int(losing)))},
		Note: "of " + plural(int(all), "user", "users"),
	}
}

// unpricedNotices shows what no cost or no price covers.
func unpricedNotices(totals []ledger.Margin, unpriced []ledger.Consumption) []Notice {
	var lacking, entries int64
	for _, m := range totals {
		lacking, entries = lacking+m.Unpriced, entries+m.Entries
	}
	if lacking == 0 {
		return nil
	}
	n := Notice{
		Kind: "warning", Title: "Some usage is unpriced",
		Text: grouped(itoa(int(lacking))) + " of " + plural(int(entries), "entry", "entries") +
			" have no cost or no price in the catalogue. The sums lack what they would have been; " +
			"nothing of it is billed.",
	}
	for _, c := range unpriced {
		n.Items = append(n.Items, thing(c)+": "+exactly(quantity(c.Meter, c.Quantity))+", "+c.Unpriced())
	}
	return []Notice{n}
}

// thing names what was consumed: AI tokens · openai / gpt-4.
func thing(c ledger.Consumption) string {
	if from := origin(c); from != "" {
		return meterName(c.Meter) + " · " + from
	}
	return meterName(c.Meter)
}

// origin says where something was consumed.
func origin(c ledger.Consumption) string {
	var parts []string
	for _, p := range []string{c.Provider, c.Namespace, c.Service} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " / ")
}

// marginCharts draws each currency's margin by day.
func marginCharts(days []ledger.Margin) []MarginChart {
	totals, rows := split(days)
	var all []MarginChart
	for _, total := range totals {
		if total.Currency == "" {
			continue
		}
		var own []ledger.Margin
		for _, m := range rows {
			if m.Currency == total.Currency {
				own = append(own, m)
			}
		}
		all = append(all, newMarginChart(total.Currency, own))
	}
	return all
}

// newMarginChart draws profit upwards and loss downwards.
func newMarginChart(c invoq.Currency, days []ledger.Margin) MarginChart {
	s := sketch{
		id: "margin-by-day-" + string(c), label: "Margin in " + string(c) + " by day", currency: c,
		series: []series{{name: "Profit"}, {name: "Loss"}},
	}
	chart := MarginChart{Currency: string(c)}
	for _, m := range byKey(days) {
		margin := m.Margin()
		s.categories = append(s.categories, shortDay(m.Key))
		s.series[0].values = append(s.series[0].values, margin.Max(invoq.Decimal{}))
		s.series[1].values = append(s.series[1].values, margin.Min(invoq.Decimal{}))
		row := newMarginRow(m)
		row.Name = shortDay(m.Key)
		chart.Days = append(chart.Days, row)
	}
	chart.ByDay = columns(s)
	chart.ByDay.Signed = true
	return chart
}

// newMarginRow returns the row of a sum.
func newMarginRow(m ledger.Margin) MarginRow {
	row := MarginRow{Name: m.Name, Sub: string(m.Tenant), Status: marginStatus(m)}
	if m.Name == "" {
		row.Name = "erased"
	}
	if m.Unpriced > 0 {
		row.Unpriced = grouped(itoa(int(m.Unpriced))) + " of " + plural(int(m.Entries), "entry", "entries") +
			" unpriced"
	}
	if m.Currency != "" {
		row.Real, row.Billed = money(m.RealCost, m.Currency), money(m.BilledCost, m.Currency)
		row.Margin, row.Share = money(m.Margin(), m.Currency), percent(m.Margin(), m.BilledCost)
	}
	return row
}

// marginStatus gives a margin's status the looks of a badge.
func marginStatus(m ledger.Margin) Status {
	switch m.Status() {
	case ledger.Profit:
		return Status{Kind: statusFine, Text: "Profit"}
	case ledger.Loss:
		return Status{Kind: statusProblem, Text: "Loss"}
	case ledger.Unpriced:
		return Status{Kind: statusPartly, Text: "Unpriced"}
	}
	return Status{Kind: statusIdle, Text: "Break-even"}
}

// newMarginTable fills in the table and what leads on from it.
func newMarginTable(q MarginsQuery, totals, rows []ledger.Margin) MarginTable {
	t := MarginTable{Query: q, Searchable: q.By == ledger.ByUser || q.By == ledger.ByTenant}
	first := q
	first.Page = 1
	for _, tab := range marginTabs {
		to := MarginsQuery{Month: q.Month, By: tab.by, Tenant: q.Tenant, Losing: q.Losing, Page: 1}
		t.Tabs = append(t.Tabs, Tab{Label: tab.label, Href: to.href(), Chosen: tab.by == q.By})
	}
	first.Losing = false
	t.All = first.href()
	first.Losing = true
	t.Losing = first.href()
	for _, m := range rows {
		row := newMarginRow(m)
		switch q.By {
		case ledger.ByUser:
			row.Href = userHref(m.TenantID, ledger.UserID(m.Key), q.Month)
		case ledger.ByTenant:
			row.Href = MarginsQuery{Month: q.Month, By: ledger.ByUser, Tenant: m.Key}.href()
		case ledger.ByResource:
			row.Name = meterName(invoq.Meter(m.Key))
		}
		t.Rows = append(t.Rows, row)
	}
	t.page(totals)
	return t
}

// page says which rows these are, and leads to those beside them. How many there
// are is known where nothing is left out of the sums by a search.
func (t *MarginTable) page(totals []ledger.Margin) {
	var all int64
	for _, m := range totals {
		if t.Query.Losing {
			all += m.Losing
		} else {
			all += m.Rows
		}
	}
	beside, skipped := t.Query, (t.Query.Page-1)*MarginRows
	last := int64(skipped + len(t.Rows))
	switch {
	case len(t.Rows) == 0:
		t.Found = "none"
	case t.Query.Search != "":
		t.Found = plural(len(t.Rows), "row", "rows")
	default:
		t.Found = grouped(itoa(skipped+1)) + "–" + grouped(itoa(int(last))) + " of " + grouped(itoa(int(all)))
	}
	if t.Query.Page > 1 {
		beside.Page = t.Query.Page - 1
		t.Previous = beside.href()
	}
	if len(t.Rows) == MarginRows && (t.Query.Search != "" || last < all) {
		beside.Page = t.Query.Page + 1
		t.Next = beside.href()
	}
}
