package dashboards

import (
	"invoq"
	"invoq/ledger"
)

// PeopleRows is how many users a tenant's page lists.
const PeopleRows = 10

// PeoplePanel is a tenant's users on its page. Those who may not know real costs
// see what is billed, in the order of that.
type PeoplePanel struct {
	Month string
	Costs bool
	Sums  []MarginSum
	Rows  []MarginRow
	// More says how many users are not listed, Href where they are; empty: for
	// this viewer they are nowhere.
	More, Href string
}

// newPeoplePanel makes the panel; nil where the month has no entries.
func newPeoplePanel(d TenantData, viewer Viewer) *PeoplePanel {
	totals, rows := split(d.People)
	if len(totals) == 0 {
		return nil
	}
	p := &PeoplePanel{Month: monthName(d.PeopleMonth), Costs: viewer.Costs}
	var all int64
	for _, m := range totals {
		all += m.Rows
		p.Sums = append(p.Sums, MarginSum{Currency: string(m.Currency), MarginRow: seenRow(m, viewer)})
	}
	for _, m := range rows[:min(PeopleRows, len(rows))] {
		row := seenRow(m, viewer)
		row.Sub = ""
		row.Href = userHref(d.Tenant.ID, ledger.UserID(m.Key), d.PeopleMonth)
		p.Rows = append(p.Rows, row)
	}
	if more := int(all) - len(p.Rows); more > 0 {
		p.More = plural(more, "more user", "more users")
	}
	if viewer.Costs {
		q := MarginsQuery{Month: d.PeopleMonth, By: ledger.ByUser, Tenant: string(d.Tenant.ID), Page: 1}
		p.Href = q.href()
	}
	return p
}

// seenRow is the row of a sum as the viewer may see it.
func seenRow(m ledger.Margin, viewer Viewer) MarginRow {
	if viewer.Costs {
		return newMarginRow(m)
	}
	// Whether an entry has a cost is the owner's to know, too.
	row := newMarginRow(ledger.Margin{Name: m.Name, Currency: m.Currency, Entries: m.Entries, BilledCost: m.BilledCost})
	return MarginRow{Name: row.Name, Billed: row.Billed}
}

// planLabel names a plan's version.
func planLabel(plans map[invoq.PlanID]string, id invoq.PlanID, version int) string {
	name := plans[id]
	if name == "" {
		name = string(id)
	}
	return "Plan " + name + ", version " + itoa(version)
}
