package dashboards

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pageRows is how many tenants a page of the table has.
const pageRows = 100

// maxSearch bounds what is searched for.
const maxSearch = 128

// OwnerQuery says which tenants the table shows, and in which order. The zero
// value is the dearest first.
type OwnerQuery struct {
	Search string // part of a name
	Sort   string // one of the columns' keys; empty: cost
	Only   string // "attention" or all
	Page   int    // from 1
}

const onlyAttention = "attention"

// sortCost is the order that needs no mention.
const sortCost = "cost"

// orders are the ways to sort the table, by key. Money is compared within a
// currency; the currencies follow each other by code.
var orders = map[string]func(a, b entry) int{
	sortCost: func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Tenant.Currency, b.Tenant.Currency), b.Bill.Total.Cmp(a.Bill.Total))
	},
	"today": func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Tenant.Currency, b.Tenant.Currency), b.Today().Charge.Cmp(a.Today().Charge))
	},
	"invocations": func(a, b entry) int {
		return b.invocations.Cmp(a.invocations)
	},
	"used":   func(a, b entry) int { return b.lastUse.Compare(a.lastUse) },
	"name":   func(_, _ entry) int { return 0 }, // As they come.
	"status": func(a, b entry) int { return cmp.Compare(rank(a), rank(b)) },
}

// rank orders by status, the worst first.
func rank(e entry) int {
	return slices.Index(
		[]string{statusProblem, statusPartly, statusNote, statusFine, statusIdle},
		e.status.Kind,
	)
}

// ParseOwnerQuery reads the parameters of the page's address; what makes no
// sense is as if it were not there.
func ParseOwnerQuery(get func(key string) string) OwnerQuery {
	q := OwnerQuery{Search: strings.TrimSpace(get("q")), Sort: get("sort"), Page: 1}
	if len(q.Search) > maxSearch {
		q.Search = strings.ToValidUTF8(q.Search[:maxSearch], "")
	}
	if orders[q.Sort] == nil || q.Sort == sortCost {
		q.Sort = ""
	}
	if get("only") == onlyAttention {
		q.Only = onlyAttention
	}
	if n, err := strconv.Atoi(get("page")); err == nil && n > 1 {
		q.Page = n
	}
	return q
}

// href is the address of the page that shows this.
func (q OwnerQuery) href() string {
	values := url.Values{}
	for key, value := range map[string]string{"q": q.Search, "sort": q.Sort, "only": q.Only} {
		if value != "" {
			values.Set(key, value)
		}
	}
	if q.Page > 1 {
		values.Set("page", itoa(q.Page))
	}
	if len(values) == 0 {
		return "/#tenants"
	}
	return "/?" + values.Encode() + "#tenants"
}

// TenantTable is the central table.
type TenantTable struct {
	Query   OwnerQuery
	Columns []Column
	Rows    []TenantRow
	// Found says which of how many tenants are shown.
	Found string
	// All and Attention lead to the unfiltered table and to what needs care.
	All, Attention string
	// Troubled is how many tenants need care.
	Troubled int
	// Previous and Next lead to the pages beside this one; empty at the ends.
	Previous, Next string
}

// Column is the head of a column that can be sorted by.
type Column struct {
	Label, Href string
	Sorted      bool
	Number      bool // set to the right
}

// TenantRow is one tenant.
type TenantRow struct {
	Name, Href          string
	MonthToDate, Today  Figure
	Invocations         Figure
	LastUse             Moment
	Status              Status
	Currency, PlanLabel string
}

// newTenantTable searches, sorts and pages.
func newTenantTable(all []entry, q OwnerQuery, now time.Time) TenantTable {
	t := TenantTable{
		Query:     q,
		All:       OwnerQuery{Sort: q.Sort}.href(),
		Attention: OwnerQuery{Sort: q.Sort, Only: onlyAttention}.href(),
	}
	for _, c := range []struct {
		key, label string
		number     bool
	}{
		{"name", "Tenant", false}, {sortCost, "Month to date", true}, {"today", "Today", true},
		{"invocations", "Invocations", true}, {"used", "Last use", true}, {"status", "Status", false},
	} {
		by := q
		by.Page, by.Sort = 1, c.key
		if c.key == sortCost {
			by.Sort = ""
		}
		t.Columns = append(t.Columns, Column{
			Label: c.label, Href: by.href(), Sorted: by.Sort == q.Sort, Number: c.number,
		})
	}
	var found []entry
	for _, e := range all {
		if e.needsAttention() {
			t.Troubled++
		}
		if (q.Only != onlyAttention || e.needsAttention()) && matches(string(e.Tenant.Name), q.Search) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, orders[cmp.Or(q.Sort, sortCost)])
	t.cut(found, now)
	return t
}

// needsAttention reports whether something stands between the tenant and its bill.
func (e entry) needsAttention() bool {
	return e.status.Kind == statusProblem || e.status.Kind == statusPartly
}

// matches ignores case.
func matches(name, search string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(search))
}

// cut fills in the rows of the page.
func (t *TenantTable) cut(found []entry, now time.Time) {
	pages := max((len(found)+pageRows-1)/pageRows, 1)
	t.Query.Page = min(max(t.Query.Page, 1), pages)
	first := (t.Query.Page - 1) * pageRows
	last := min(first+pageRows, len(found))
	for _, e := range found[first:last] {
		t.Rows = append(t.Rows, newTenantRow(e, now))
	}
	t.Found = plural(len(found), "tenant", "tenants")
	if pages > 1 {
		t.Found = grouped(itoa(first+1)) + "–" + grouped(itoa(last)) + " of " + t.Found
	}
	beside := t.Query
	if t.Query.Page > 1 {
		beside.Page = t.Query.Page - 1
		t.Previous = beside.href()
	}
	if t.Query.Page < pages {
		beside.Page = t.Query.Page + 1
		t.Next = beside.href()
	}
}

// newTenantRow returns a tenant's row.
func newTenantRow(e entry, now time.Time) TenantRow {
	row := TenantRow{
		Name: string(e.Tenant.Name), Href: tenantHref(e.Tenant.ID),
		Invocations: count(e.invocations),
		LastUse:     ago(e.lastUse, now, zoneOf(&e.Month)),
		Status:      e.status,
		Currency:    string(e.Tenant.Currency),
		PlanLabel:   e.Plan.Name,
	}
	if e.Problem == "" {
		row.MonthToDate = money(e.Bill.Total, e.Tenant.Currency)
		row.Today = money(e.Today().Charge, e.Tenant.Currency)
	}
	return row
}
