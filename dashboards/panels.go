package dashboards

import (
	"time"

	"invoq"
	"invoq/ledger"
)

// MonthMargins are the margins of a month in short: totals first, then the
// users who lose the most.
type MonthMargins struct {
	Month string // 2006-01, of UTC
	Users []ledger.Margin
	// Tenants are when tenants with entries last used something.
	Tenants map[invoq.TenantID]time.Time
}

// MarginPanel is the margins on the owner's page.
type MarginPanel struct {
	Month, Href string
	Sums        []MarginSum
	// Losers are the users who cost the most more than they pay; LosersHref
	// leads to all of them, Losing is how many of how many there are.
	Losers             []MarginRow
	LosersHref, Losing string
}

// MarginSum is the total of one currency.
type MarginSum struct {
	Currency string
	MarginRow
}

// newMarginPanel makes the panel; nil where there is nothing to show.
func newMarginPanel(d *MonthMargins) *MarginPanel {
	if d == nil {
		return nil
	}
	totals, rows := split(d.Users)
	if len(totals) == 0 {
		return nil
	}
	q := MarginsQuery{Month: d.Month, By: ledger.ByUser, Page: 1}
	p := &MarginPanel{Month: monthName(d.Month), Href: q.href()}
	q.Losing = true
	p.LosersHref = q.href()
	var losing, all int64
	for _, m := range totals {
		losing, all = losing+m.Losing, all+m.Rows
		sum := MarginSum{Currency: string(m.Currency), MarginRow: newMarginRow(m)}
		p.Sums = append(p.Sums, sum)
	}
	p.Losing = grouped(itoa(int(losing))) + " of " + plural(int(all), "user", "users")
	for _, m := range rows {
		if m.Margin().Sign() >= 0 {
			continue
		}
		row := newMarginRow(m)
		row.Href = userHref(m.TenantID, ledger.UserID(m.Key), d.Month)
		p.Losers = append(p.Losers, row)
	}
	return p
}

// BillRun is how far the making of all tenants' bills of a month is.
type BillRun struct {
	Month                        string // 2006-01, in each tenant's zone
	Finalize                     bool   // its bills become final
	CreatedAt, FinishedAt        time.Time
	Tenants                      int
	Drafted, Final, Kept, Parked int
	// ParkedTenants are some of those whose bill could not be made.
	ParkedTenants []ParkedTenant
}

// ParkedTenant is a tenant whose bill a run has not made, and why.
type ParkedTenant struct {
	ID      invoq.TenantID
	Name    invoq.TenantName
	Problem string
}

// RunPanel is the last bill run on the owner's page.
type RunPanel struct {
	Month  string
	Status Status
	When   Moment
	// Counts are how many tenants ended how: those there are.
	Counts []string
	// Done is the part that is done, a whole number from 0 to 100.
	Done   string
	Parked []ParkedRow
	// More says how many parked tenants are not listed; empty for none.
	More string
}

// ParkedRow is a tenant whose bill a run has not made.
type ParkedRow struct{ Name, Href, Problem string }

// parkedShown is how many parked tenants the panel lists.
const parkedShown = 5

// newRunPanel makes the panel; nil where no run was asked for yet.
func newRunPanel(r *BillRun, now time.Time) *RunPanel {
	if r == nil {
		return nil
	}
	p := &RunPanel{Month: monthName(r.Month), When: ago(r.FinishedAt, now, time.UTC), Status: runStatus(r)}
	if r.FinishedAt.IsZero() {
		p.When = ago(r.CreatedAt, now, time.UTC)
	}
	done := r.Drafted + r.Final + r.Kept + r.Parked
	p.Done = itoa(100 * done / max(r.Tenants, done, 1))
	for _, c := range []struct {
		n    int
		what string
	}{
		{r.Final, "final"}, {r.Drafted, "drafted"}, {r.Kept, "issued before"}, {r.Parked, "parked"},
		{max(r.Tenants-done, 0), "to do"},
	} {
		if c.n > 0 {
			p.Counts = append(p.Counts, grouped(itoa(c.n))+" "+c.what)
		}
	}
	for _, t := range r.ParkedTenants[:min(parkedShown, len(r.ParkedTenants))] {
		p.Parked = append(p.Parked, ParkedRow{string(t.Name), tenantHref(t.ID), sentence(t.Problem)})
	}
	if more := r.Parked - len(p.Parked); more > 0 && len(p.Parked) > 0 {
		p.More = plural(more, "more tenant is", "more tenants are") + " parked."
	}
	return p
}

// runStatus says where a run is, the worst first.
func runStatus(r *BillRun) Status {
	switch {
	case r.FinishedAt.IsZero():
		return Status{Kind: statusNote, Text: "Running"}
	case r.Parked > 0:
		return Status{Kind: statusPartly, Text: plural(r.Parked, "tenant parked", "tenants parked")}
	}
	return Status{Kind: statusFine, Text: "Finished"}
}
