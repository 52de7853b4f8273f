package dashboards

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"invoq"
	"invoq/ledger"
)

// UserData is what a user's page is made from.
type UserData struct {
	ID       ledger.UserID
	Name     string // empty: erased
	TenantID invoq.TenantID
	Tenant   invoq.TenantName
	LastUse  time.Time
	Now      time.Time
	Month    string   // 2006-01, of UTC
	Months   []string // of the book, the latest first
	// Days are the sums by day, totals first; Things is what was consumed.
	Days   []ledger.Margin
	Things []ledger.Consumption
}

// UserView is what a user's page shows: what one user consumed in a month. What
// it cost the owner is there for those alone who may know it.
type UserView struct {
	Frame
	Name, Tenant, TenantHref string
	Facts                    []string
	Picker                   MonthPicker
	Notices                  []Notice
	Cards                    []Card
	Status                   []Status // one a currency
	Charts                   []MarginChart
	Resources                []MeterRow
	Things                   []ThingRow
	Nothing                  string
	// Costs is set when real costs, margins and models are shown.
	Costs bool
}

// ThingRow is what was consumed of one thing.
type ThingRow struct {
	Meter, Origin        string
	Quantity             Figure
	Model                string
	Real, Billed, Margin Figure
	Status               Status
	Unpriced             string
}

// userHref returns the address of a user's page.
func userHref(tenant invoq.TenantID, user ledger.UserID, month string) string {
	return tenantHref(tenant) + "/users/" + string(user) + "?month=" + url.QueryEscape(month)
}

// NewUser makes a user's page for a viewer.
func NewUser(d UserData, viewer Viewer) UserView {
	name := cmp.Or(d.Name, "Erased user")
	v := UserView{
		Frame: Frame{Title: name, Section: "overview", Viewer: &viewer},
		Name:  name, Tenant: string(d.Tenant), TenantHref: tenantHref(d.TenantID), Costs: viewer.Costs,
		Facts: []string{monthName(d.Month), "days of UTC"},
		Picker: newMonthPicker(d.Month, d.Months, func(month string) string {
			return userHref(d.TenantID, d.ID, month)
		}),
	}
	if viewer.Costs {
		v.Section = "margins"
	}
	if len(d.Things) == 0 {
		v.Nothing = "Nothing was used in " + monthName(d.Month) + "."
		return v
	}
	totals, _ := split(d.Days)
	v.Notices = userNotices(d.Things, viewer.Costs)
	v.Cards = userCards(d, totals, viewer.Costs)
	v.Charts = userCharts(d.Days, viewer.Costs)
	v.Resources = resources(d.Things)
	for _, m := range totals {
		if viewer.Costs && m.Currency != "" {
			v.Status = append(v.Status, marginStatus(m))
		}
	}
	for _, c := range d.Things {
		v.Things = append(v.Things, newThingRow(c, viewer.Costs))
	}
	return v
}

// userNotices is the bucket of what is not priced.
func userNotices(things []ledger.Consumption, costs bool) []Notice {
	n := Notice{
		Kind: "warning", Title: "Some of it is unpriced",
		Text: "No price covers it: it is counted, and is in no sum of money.",
	}
	if costs {
		n.Text = "The catalogue has no cost or no price for it: it is counted, and the sums lack it."
	}
	for _, c := range things {
		if missing := c.Unpriced(); missing != "" && (costs || c.NoPrice > 0) {
			if !costs {
				missing = "no price"
			}
			n.Items = append(n.Items, thing(c)+": "+exactly(quantity(c.Meter, c.Quantity))+", "+missing)
		}
	}
	if len(n.Items) == 0 {
		return nil
	}
	return []Notice{n}
}

// userCards are the sums of the month.
func userCards(d UserData, totals []ledger.Margin, costs bool) []Card {
	var all []Card
	if costs {
		all = marginCards(totals)
	} else {
		for _, m := range totals {
			if m.Currency != "" {
				all = append(all, Card{
					Label: "Billed", Figure: money(m.BilledCost, m.Currency), Note: monthName(d.Month),
				})
			}
		}
	}
	if last := ago(d.LastUse, d.Now, time.UTC); last.Text != "" {
		all = append(all, Card{Label: "Last use", Figure: Figure{Text: last.Text}, Note: last.Full})
	}
	return all
}

// userCharts draws margins, or for those who may not know them what is billed.
func userCharts(days []ledger.Margin, costs bool) []MarginChart {
	if costs {
		return marginCharts(days)
	}
	var all []MarginChart
	totals, rows := split(days)
	for _, total := range totals {
		if total.Currency == "" {
			continue
		}
		s := sketch{
			id: "billed-by-day-" + string(total.Currency), label: "Billed by day", currency: total.Currency,
			series: []series{{name: "Billed"}},
		}
		chart := MarginChart{Currency: string(total.Currency)}
		for _, m := range byKey(rows) {
			if m.Currency == total.Currency {
				s.categories = append(s.categories, shortDay(m.Key))
				s.series[0].values = append(s.series[0].values, m.BilledCost)
				chart.Days = append(chart.Days, MarginRow{
					Name: shortDay(m.Key), Billed: money(m.BilledCost, m.Currency),
				})
			}
		}
		chart.ByDay = columns(s)
		all = append(all, chart)
	}
	return all
}

// byKey returns the sums in the order of their keys, as days follow each other.
func byKey(rows []ledger.Margin) []ledger.Margin {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b ledger.Margin) int { return cmp.Compare(a.Key, b.Key) })
	return sorted
}

// resources sums up what was consumed of each resource.
func resources(things []ledger.Consumption) []MeterRow {
	sums := map[invoq.Meter]invoq.Decimal{}
	for _, c := range things {
		sums[c.Meter] = sums[c.Meter].Add(c.Quantity)
	}
	var all []MeterRow
	for _, m := range slices.Concat(invoq.ResourceMeters(), invoq.Meters()) {
		if sum, used := sums[m]; used {
			all = append(all, MeterRow{Name: meterName(m), Figure: quantity(m, sum)})
		}
	}
	return all
}

// newThingRow returns the row of what was consumed of one thing.
func newThingRow(c ledger.Consumption, costs bool) ThingRow {
	row := ThingRow{
		Meter: meterName(c.Meter), Origin: origin(c), Quantity: quantity(c.Meter, c.Quantity),
	}
	lacking := c.NoPrice
	if costs {
		lacking = max(c.NoCost, c.NoPrice)
		row.Model, row.Unpriced = string(c.Model), c.Unpriced()
		row.Status = marginStatus(ledger.Margin{
			Entries: c.Entries, Unpriced: lacking, RealCost: c.RealCost, BilledCost: c.BilledCost,
		})
	} else if lacking > 0 {
		row.Unpriced = "no price"
		row.Status = Status{Kind: statusPartly, Text: "Unpriced"}
	}
	if c.Currency == "" {
		return row
	}
	if c.NoPrice < c.Entries {
		row.Billed = money(c.BilledCost, c.Currency)
	}
	if costs && c.NoCost < c.Entries {
		row.Real = money(c.RealCost, c.Currency)
		row.Margin = money(c.BilledCost.Sub(c.RealCost), c.Currency)
	}
	return row
}
