package dashboards

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/ledger"
)

// sum returns a sum of a user in dollars.
func sum(key, realCost, billed string, entries, unpriced int64) ledger.Margin {
	return ledger.Margin{
		Key: key, Name: key, TenantID: "t", Tenant: "acme", Currency: "USD", Entries: entries, Unpriced: unpriced,
		RealCost: invoq.MustDecimal(realCost), BilledCost: invoq.MustDecimal(billed),
	}
}

func TestMarginRow(t *testing.T) {
	f := func(m ledger.Margin, status, margin, share, unpriced string) {
		t.Helper()
		r := newMarginRow(m)
		got := []string{r.Status.Text, r.Margin.Text, r.Share, r.Unpriced}
		if diff := cmp.Diff([]string{status, margin, share, unpriced}, got); diff != "" {
			t.Errorf("%s of %s: %s", m.BilledCost, m.RealCost, diff)
		}
	}
	f(sum("u", "1", "4", 2, 0), "Profit", "$3.00", "75%", "")
	f(sum("u", "4", "1", 2, 0), "Loss", "-$3.00", "-300%", "")
	f(sum("u", "4", "4", 2, 0), "Break-even", "$0.00", "0%", "")
	f(sum("u", "4", "0", 2, 0), "Loss", "-$4.00", "", "")
	// Some of it is not known; all of it is not known.
	f(sum("u", "1", "4", 1200, 1000), "Profit", "$3.00", "75%", "1,000 of 1,200 entries unpriced")
	f(sum("u", "1", "0", 1, 1), "Unpriced", "-$1.00", "", "1 of 1 entry unpriced")
	none := sum("u", "0", "0", 3, 3)
	none.Currency = "" // From before there was a catalogue.
	f(none, "Unpriced", "", "", "3 of 3 entries unpriced")
	if got := newMarginRow(ledger.Margin{}).Name; got != "erased" {
		t.Errorf("a user without a name is called %q", got)
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// What an address says is what the page's links say again.
func TestMarginsQueryRoundTrip(t *testing.T) {
	f := func(query, href string) {
		t.Helper()
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q := ParseMarginsQuery(values.Get, noon)
		if got := q.href(); got != "/margins?"+href {
			t.Errorf("%s leads to %s, want %s", query, got, href)
		}
	}
	f("", "month=2026-11")
	f("month=2026-03&by=tenant&losing=true&q=ann&page=3&tenant=acme",
		"by=tenant&losing=true&month=2026-03&page=3&q=ann&tenant=acme")
	f("month=2026-12", "month=2026-11")               // to come
	f("month=2026-1&by=day&page=-4", "month=2026-11") // not on this page
	f("losing=1&page=1000000", "month=2026-11")
}

func TestMonthPicker(t *testing.T) {
	address := func(m string) string { return "/margins?by=tenant&month=" + m }
	p := newMonthPicker("2026-03", []string{"2026-05", "2026-03", "2026-02"}, address)
	want := MonthPicker{
		Action: "/margins", Keep: []Param{{"by", "tenant"}},
		Months: []MonthChoice{
			{"2026-05", "May 2026", false}, {"2026-03", "March 2026", true}, {"2026-02", "February 2026", false},
		},
		Earlier: address("2026-02"), Later: address("2026-05"),
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	// A month without entries can be shown, and left.
	p = newMonthPicker("2026-04", []string{"2026-05", "2026-03"}, address)
	if p.Earlier != address("2026-03") || p.Later != address("2026-05") || len(p.Months) != 3 {
		t.Errorf("%+v", p)
	}
	if p = newMonthPicker("2026-04", nil, address); p.Earlier != "" || p.Later != "" || len(p.Months) != 1 {
		t.Errorf("%+v", p)
	}
}

// The table says which rows it has, and leads on while there are more.
func TestMarginTablePages(t *testing.T) {
	rows := make([]ledger.Margin, MarginRows)
	total := []ledger.Margin{{Total: true, Currency: "USD", Rows: MarginRows + 1, Losing: 2}}
	q := MarginsQuery{Month: "2026-11", By: ledger.ByUser, Page: 1}
	f := func(q MarginsQuery, rows []ledger.Margin, found string, previous, next bool) {
		t.Helper()
		got := newMarginTable(q, total, rows)
		if got.Found != found || (got.Previous != "") != previous || (got.Next != "") != next {
			t.Errorf("page %d: %q, previous %q, next %q", q.Page, got.Found, got.Previous, got.Next)
		}
	}
	f(q, rows, "1–25 of 26", false, true)
	q.Page = 2
	f(q, rows[:1], "26–26 of 26", true, false)
	f(q, nil, "none", true, false)
	q.Page, q.Losing = 1, true
	f(q, rows[:2], "1–2 of 2", false, false)
	q.Search = "x"
	f(q, rows, "25 rows", false, true)
	f(q, rows[:2], "2 rows", false, false)
}

// Who may not know real costs gets a view in which they are not.
func TestUserWithoutCosts(t *testing.T) {
	d := UserData{
		Name: "ann", TenantID: "t", Tenant: "acme", Month: "2026-11", Now: noon,
		Days: []ledger.Margin{{Total: true, Currency: "USD", Entries: 3, Unpriced: 2, RealCost: invoq.MustDecimal("5.55"),
			BilledCost: invoq.MustDecimal("2.22")}, sum("2026-11-02", "5.55", "2.22", 3, 2)},
		Things: []ledger.Consumption{
			{Meter: invoq.StorageMB, Model: ledger.ModelSubsidized, Currency: "USD", Entries: 1,
				Quantity: invoq.MustDecimal("777"), RealCost: invoq.MustDecimal("5.55"), BilledCost: invoq.MustDecimal("2.22")},
			// Priced, though nobody knows what it cost: not the tenant's business.
			{Meter: invoq.APIRequest, Model: ledger.ModelFree, Currency: "USD", Entries: 1, NoCost: 1},
			{Meter: invoq.PaymentTx, Currency: "USD", Entries: 1, NoCost: 1, NoPrice: 1},
		},
	}
	v := NewUser(d, Viewer{Name: "acme"})
	want := []ThingRow{
		{Meter: "Storage", Quantity: Figure{Text: "777 MB"}, Billed: Figure{Text: "$2.22"}},
		{Meter: "API requests", Quantity: Figure{Text: "0"}, Billed: Figure{Text: "$0.00"}},
		{Meter: "Payments", Quantity: Figure{Text: "0"}, Unpriced: "no price", Status: Status{Kind: statusPartly, Text: "Unpriced"}},
	}
	if diff := cmp.Diff(want, v.Things); diff != "" {
		t.Error(diff)
	}
	if len(v.Status) != 0 || len(v.Cards) != 1 || v.Cards[0].Text != "$2.22" || len(v.Charts) != 1 || v.Charts[0].ByDay.Signed {
		t.Errorf("%+v", v)
	}
	if diff := cmp.Diff([]MarginRow{{Name: "2 Nov", Billed: Figure{Text: "$2.22"}}}, v.Charts[0].Days); diff != "" {
		t.Error(diff)
	}
	if owner := NewUser(d, Viewer{Owner: true, Costs: true}); owner.Things[0].Real.Text != "$5.55" ||
		owner.Things[0].Margin.Text != "-$3.33" || owner.Status[0].Text != "Loss" {
		t.Errorf("the owner sees %+v", owner.Things[0])
	}
}

// A badge says what can be done something about, and nothing of what is so of
// every pod.
func TestStatusNotes(t *testing.T) {
	f := func(want string, warnings ...string) {
		t.Helper()
		m := &billing.Month{}
		m.Shares = []billing.Share{{Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(1, 0)}}}
		m.Days = []billing.Day{{Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(1, 0)}}}
		m.Warnings = warnings
		if got := statusOf(m).Text; got != want {
			t.Errorf("%q: %s, want %s", warnings, got, want)
		}
	}
	const gap = "95 pod-seconds were seen by no scrape; what was used in them and lost with the pod is not counted"
	const assumed = "7 invocations were counted from first samples whose start nobody told, while the tenant was newly watched"
	const unmeasured = "3 ms of duration had no known memory and are not in mb_ms: export a memory gauge or set the " +
		"service's memory_limit_mb"
	f("Fine")
	f("Fine", gap)
	f("Starts assumed", assumed, gap)
	f("Memory unknown", assumed, unmeasured, gap)
}
