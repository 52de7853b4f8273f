package dashboards

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"invoq"
	"invoq/ledger"
)

// MarginRows is how many rows a page of margins has.
const MarginRows = 25

// monthForm is how a month is written in addresses.
const monthForm = "2006-01"

// marginTab is a way in which the table can be cut.
type marginTab struct {
	by    ledger.MarginBy
	label string
}

// marginTabs are those ways, the first unasked.
var marginTabs = []marginTab{
	{ledger.ByUser, "Users"}, {ledger.ByTenant, "Tenants"},
	{ledger.ByService, "Services"}, {ledger.ByResource, "Resources"},
}

// MarginsQuery says what the page of margins shows.
type MarginsQuery struct {
	Month  string // 2006-01, of UTC
	By     ledger.MarginBy
	Tenant string // id or name; empty: all
	Search string // part of a name
	Losing bool   // only what costs more than it earns
	Page   int    // from 1
}

// ParseMarginsQuery reads the parameters of the page's address; what makes no
// sense is as if it were not there.
func ParseMarginsQuery(get func(key string) string, now time.Time) MarginsQuery {
	q := MarginsQuery{
		Month: ParseMonth(get("month"), now), By: ledger.ByUser, Tenant: get("tenant"),
		Search: strings.TrimSpace(get("q")), Losing: get("losing") == "true", Page: 1,
	}
	by := ledger.MarginBy(get("by"))
	if slices.ContainsFunc(marginTabs, func(t marginTab) bool { return t.by == by }) {
		q.By = by
	}
	for _, text := range []*string{&q.Search, &q.Tenant} {
		if len(*text) > maxSearch {
			*text = strings.ToValidUTF8((*text)[:maxSearch], "")
		}
	}
	// More pages than there can be users of would only be read for nothing.
	if n, err := strconv.Atoi(get("page")); err == nil && n > 1 && n < 1e6 {
		q.Page = n
	}
	return q
}

// ParseMonth reads a month such as 2026-03; anything else is the month of now.
func ParseMonth(text string, now time.Time) string {
	if t, err := time.Parse(monthForm, text); err == nil && t.Year() > 1970 && t.Before(now) {
		return text
	}
	return now.UTC().Format(monthForm)
}

// MonthInterval returns a month that ParseMonth gave, in UTC as the book's days
// are.
func MonthInterval(month string) invoq.Interval {
	start, err := time.Parse(monthForm, month)
	if err != nil {
		panic("BUG: " + month + " is no month")
	}
	return invoq.Interval{Start: start, End: start.AddDate(0, 1, 0)}
}

// href is the address of the page that shows this.
func (q MarginsQuery) href() string {
	values := url.Values{"month": {q.Month}}
	if q.By != ledger.ByUser {
		values.Set("by", string(q.By))
	}
	for key, value := range map[string]string{"q": q.Search, "tenant": q.Tenant} {
		if value != "" {
			values.Set(key, value)
		}
	}
	if q.Losing {
		values.Set("losing", "true")
	}
	if q.Page > 1 {
		values.Set("page", itoa(q.Page))
	}
	return "/margins?" + values.Encode()
}

// MonthPicker leads from month to month.
type MonthPicker struct {
	// Action is the page, Keep what else its address says.
	Action string
	Keep   []Param
	Months []MonthChoice
	// Earlier and Later lead to the months beside; empty at the ends.
	Earlier, Later string
}

// Param is a parameter of an address.
type Param struct{ Name, Value string }

// MonthChoice is a month to choose.
type MonthChoice struct {
	Month, Label string
	Chosen       bool
}

// newMonthPicker lets choose among the months of the book, the latest first, and
// the one that is shown.
func newMonthPicker(chosen string, months []string, address func(month string) string) MonthPicker {
	all := slices.Clone(months)
	if !slices.Contains(all, chosen) {
		all = append(all, chosen)
		slices.Sort(all)
		slices.Reverse(all)
	}
	path, query, _ := strings.Cut(address(chosen), "?")
	p := MonthPicker{Action: path}
	values, _ := url.ParseQuery(query)
	for _, name := range []string{"by", "losing", "q", "tenant"} {
		if v := values.Get(name); v != "" {
			p.Keep = append(p.Keep, Param{name, v})
		}
	}
	for i, m := range all {
		p.Months = append(p.Months, MonthChoice{Month: m, Label: monthName(m), Chosen: m == chosen})
		if m != chosen {
			continue
		}
		if i > 0 {
			p.Later = address(all[i-1])
		}
		if i+1 < len(all) {
			p.Earlier = address(all[i+1])
		}
	}
	return p
}

// monthName turns 2006-01 into January 2006.
func monthName(month string) string {
	t, err := time.Parse(monthForm, month)
	if err != nil {
		return month
	}
	return t.Format("January 2006")
}
