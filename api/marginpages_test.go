package api

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/access"
	"invoq/billing"
	"invoq/ledger"
)

// post puts events into the book, rated by the catalogue, as the queue's writer
// would.
func (r *running) post(events ...invoq.Event) {
	r.t.Helper()
	book, err := ledger.Open(r.t.Context(), ledger.Config{
		Store: r.server.DB, Rater: billing.NewRater(r.server.DB, r.server.Costs, time.Now), Folder: ledger.Folder(r.t.TempDir()),
		Name: "invoq.test/pages", Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := book.Post(r.t.Context(), events); err != nil {
		r.t.Fatal(err)
	}
	if err := book.Close(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// someEvents are usage of this month by users of two tenants, drawn from a seed.
// Only their times depend on now: a fraction takes one draw, whatever it is of.
func someEvents(n int, now time.Time) []invoq.Event {
	rng := rand.New(rand.NewPCG(7, 7))
	start := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	meters := invoq.ResourceMeters()
	var all []invoq.Event
	for i := range n {
		meter := meters[rng.IntN(len(meters))]
		all = append(all, invoq.Event{
			Tenant: invoq.TenantName([]string{"acme", "zeta"}[rng.IntN(2)]), RequestID: fmt.Sprint("r", i),
			User: fmt.Sprintf("user-%d", rng.IntN(9)), Provider: "p", Service: fmt.Sprint("s", rng.IntN(3)),
			Time:       start.Add(time.Duration(rng.Float64() * float64(now.Sub(start)))).Truncate(time.Microsecond),
			ReceivedAt: now.Truncate(time.Microsecond),
			Measures:   []invoq.Measure{{Meter: meter, Quantity: invoq.NewDecimal(rng.Int64N(1e9), -3)}},
		})
	}
	return all
}

// unevenCosts has sums that no rounding hides, a loss, and things without a cost
// or a price.
const unevenCosts = `{"currency":"USD","csv":"resource,provider,service,cost,per,model,factor\n` +
	`AI_TOKENS,,,0.01370003,1000,MARKUP,1.5\nSTORAGE_MB,,,0.0071300001,,SUBSIDIZED,0.4\n` +
	`API_REQUEST,p,s1,0.00001,,FREE,\nBANDWIDTH_MB,,,0.0003,,,\n"}`

// sums are what entries add up to.
type sums struct {
	realCost, billed  invoq.Decimal
	entries, unpriced int64
}

func (s *sums) add(e ledger.Entry) {
	s.realCost, s.billed = s.realCost.Add(e.RealCost), s.billed.Add(e.BilledCost)
	s.entries++
	if e.Unpriced() != "" {
		s.unpriced++
	}
}

// What margins answer and what pages show is the sum of the book's entries, to
// the last digit, however it is cut.
func TestMarginsAreSumsOfEntries(t *testing.T) {
	r := serve(t)
	if a := r.json(r.owner, "POST", "/api/v1/costs", unevenCosts); a.status != http.StatusCreated {
		t.Fatal(a)
	}
	const n = 400
	now := time.Now().UTC()
	r.post(someEvents(n, now)...)
	entries, err := r.server.DB.Entries(t.Context(), invoq.Everyone(), 0, n)
	if err != nil || len(entries) != n {
		t.Fatalf("%d entries: %v", len(entries), err)
	}
	var all sums
	people := map[ledger.UserID]*sums{}
	for _, e := range entries {
		all.add(e)
		if people[e.UserID] == nil {
			people[e.UserID] = &sums{}
		}
		people[e.UserID].add(e)
	}
	for _, by := range ledger.MarginKinds() {
		total, rows := r.askMargins(by, now)
		checkMargin(t, "total by "+string(by), total, all)
		if by != ledger.ByUser {
			continue
		}
		if len(rows) != len(people) {
			t.Errorf("%d users, want %d", len(rows), len(people))
		}
		for i, row := range rows {
			checkMargin(t, *row.Name, row, *people[ledger.UserID(*row.Key)])
			if i > 0 && row.Margin.Cmp(rows[i-1].Margin) < 0 {
				t.Errorf("%s loses more than the user before", *row.Name)
			}
		}
	}
	r.checkPage("/margins", all)
	for _, e := range entries[:30] {
		r.checkPage("/tenants/"+string(e.TenantID)+"/users/"+string(e.UserID), *people[e.UserID])
	}
}

// askMargins asks for this month's.
func (r *running) askMargins(by ledger.MarginBy, now time.Time) (total Margin, rows []Margin) {
	r.t.Helper()
	var m Margins
	start := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	r.decode(r.ask(r.owner, "GET", fmt.Sprintf("/api/v1/margins?by=%s&start=%s&end=%s", by,
		start.Format(time.RFC3339), start.AddDate(0, 1, 0).Format(time.RFC3339)), nil), &m)
	if len(m.Totals) != 1 {
		r.t.Fatalf("%d totals", len(m.Totals))
	}
	var s sums
	for _, row := range m.Rows {
		s.realCost, s.billed = s.realCost.Add(row.RealCost), s.billed.Add(row.BilledCost)
		s.entries, s.unpriced = s.entries+row.Entries, s.unpriced+row.Unpriced
	}
	checkMargin(r.t, "rows by "+string(by), m.Totals[0], s)
	return m.Totals[0], m.Rows
}

func checkMargin(t testing.TB, what string, m Margin, want sums) {
	t.Helper()
	if !m.RealCost.Equal(want.realCost) || !m.BilledCost.Equal(want.billed) || m.Entries != want.entries ||
		m.Unpriced != want.unpriced || !m.Margin.Equal(want.billed.Sub(want.realCost)) {
		t.Errorf("%s: %+v, want %+v", what, m, want)
	}
}

// checkPage finds the exact sums on a page of the owner's.
func (r *running) checkPage(path string, want sums) {
	r.t.Helper()
	a := r.ask(r.owner, "GET", path, nil)
	if a.status != http.StatusOK {
		r.t.Fatalf("%s: %d", path, a.status)
	}
	for what, d := range map[string]invoq.Decimal{
		"real cost": want.realCost, "billed": want.billed, "margin": want.billed.Sub(want.realCost),
	} {
		exact := fmt.Sprintf(`value="%s USD"`, d)
		if d.Round(2).Equal(d) {
			exact = "$" // Nothing was rounded: the text says it all.
		}
		if !strings.Contains(a.body, exact) {
			r.t.Errorf("%s does not show the %s %s", path, what, d)
		}
	}
	if want.unpriced > 0 != strings.Contains(a.body, "unpriced") {
		r.t.Errorf("%s: what is unpriced is not told, or told of nothing", path)
	}
}

// A tenant sees what its users are billed, and neither what they cost the owner
// nor how prices are made of that; of others it sees nothing.
func TestTenantsDoNotSeeCosts(t *testing.T) {
	r := serve(t)
	acme, keys := r.tenant("acme")
	zeta, _ := r.tenant("zeta")
	if a := r.json(r.owner, "POST", "/api/v1/costs", unevenCosts); a.status != http.StatusCreated {
		t.Fatal(a)
	}
	event := func(tenant, user string, quantity int64) invoq.Event {
		now := time.Now().UTC().Truncate(time.Microsecond)
		return invoq.Event{
			Tenant: invoq.TenantName(tenant), RequestID: "r-" + user, User: user, Provider: "p", Service: "s",
			Time: now, ReceivedAt: now,
			Measures: []invoq.Measure{{Meter: invoq.StorageMB, Quantity: invoq.NewDecimal(quantity, 0)}},
		}
	}
	// 777 MB really cost 5.5400100777 and are billed at 0.4 of it.
	r.post(event("acme", "ann", 777), event("zeta", "secret", 777))
	_, rows := r.askMargins(ledger.ByUser, time.Now().UTC())
	ids := map[string]string{}
	for _, row := range rows {
		ids[*row.Name] = *row.Key
	}
	own, users := "/tenants/acme", "/tenants/"+string(acme.ID)+"/users/"
	for path, shows := range map[string]string{own: "$2.22", users + ids["ann"]: "$2.22", users + "ann": "$2.22"} {
		for who, key := range map[string]string{"tenant": keys[access.Tenant], "viewer": keys[access.Viewer]} {
			a := r.ask(key, "GET", path, nil)
			if a.status != http.StatusOK || !strings.Contains(a.body, shows) {
				t.Errorf("%s as %s: %d, or no %s", path, who, a.status, shows)
			}
			for _, secret := range []string{"5.54", "3.32", "Real cost", "argin", "SUBSIDIZED", "secret", string(zeta.ID)} {
				if strings.Contains(html.UnescapeString(a.body), secret) {
					t.Errorf("%s as %s shows %q", path, who, secret)
				}
			}
		}
		a := r.ask(r.owner, "GET", path, nil)
		if !strings.Contains(a.body, "$5.54") || !strings.Contains(a.body, "-$3.32") {
			t.Errorf("%s does not show the owner what it costs", path)
		}
	}
	for _, path := range []string{
		users + ids["secret"], users + "secret", "/tenants/zeta/users/" + ids["secret"], "/tenants/zeta/users/secret",
		"/tenants/zeta/users/" + ids["ann"],
	} {
		if a := r.ask(keys[access.Tenant], "GET", path, nil); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := r.ask(keys[access.Tenant], "GET", "/margins", nil); a.status != http.StatusForbidden {
		t.Errorf("/margins as a tenant: %d", a.status)
	}
}

// A user's page lets choose among the months of its tenant, not among those of
// others.
func TestUserPageHasOwnMonths(t *testing.T) {
	r := serve(t)
	now := time.Now().UTC()
	event := func(tenant invoq.TenantName, at time.Time) invoq.Event {
		return invoq.Event{
			Tenant: tenant, RequestID: at.String(), User: "ann", Provider: "p", Service: "s",
			Time: at.Truncate(time.Microsecond), ReceivedAt: now.Truncate(time.Microsecond),
			Measures: []invoq.Measure{{Meter: invoq.APIRequest, Quantity: invoq.NewDecimal(1, 0)}},
		}
	}
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	before, lastOfOther := month.AddDate(0, -2, 0), month.Add(-time.Microsecond)
	r.post(event("acme", before), event("zeta", lastOfOther))
	f := func(tenant string, listed, hidden time.Time) {
		t.Helper()
		a := r.ask(r.owner, "GET", "/tenants/"+tenant+"/users/ann", nil)
		if a.status != 200 || !strings.Contains(a.body, `value="`+listed.Format("2006-01")) ||
			strings.Contains(a.body, `value="`+hidden.Format("2006-01")) {
			t.Errorf("%s: %d, with %s and without %s", tenant, a.status, listed, hidden)
		}
	}
	f("acme", before, lastOfOther)
	f("zeta", lastOfOther, before)
}

// The page of margins makes do with whatever stands in its address.
func TestMarginsPageTakesAnyAddress(t *testing.T) {
	r := serve(t)
	r.post(someEvents(100, time.Now().UTC())...)
	f := func(query string, status int, shows string) {
		t.Helper()
		a := r.ask(r.owner, "GET", "/margins?"+query, nil)
		if a.status != status || !strings.Contains(a.body, shows) {
			t.Errorf("%s: %d without %q", query, a.status, shows)
		}
	}
	f("", http.StatusOK, "user-1")
	f("month=2026-13&by=nothing&page=x&losing=maybe", http.StatusOK, "user-1")
	f("month=9999-12", http.StatusOK, "user-1")
	f("month=1971-01", http.StatusOK, "January 1971")
	f("page=999999", http.StatusOK, "Nothing like that")
	f("page=99999999999999999999", http.StatusOK, "user-1")
	f("q=USER-1", http.StatusOK, "user-1")
	f("q=%25", http.StatusOK, "Nothing like that")
	f("q=%27%3B+DROP+TABLE+tenants", http.StatusOK, "Nothing like that")
	f("by=tenant&losing=true", http.StatusOK, "Nothing like that")
	f("tenant=zeta", http.StatusOK, "zeta")
	f("tenant=nobody", http.StatusNotFound, "nobody")
	f("q=%00", http.StatusBadRequest, "")
	f("q=%3Cscript%3Ealert(1)%3C/script%3E", http.StatusOK, "&lt;script&gt;alert(1)")
}

// Totals of several currencies come in one order.
func TestTotalsAreInOrder(t *testing.T) {
	r := serve(t)
	want := []string{"AED", "CHF", "EUR", "GBP", "INR", "JPY", "KZT", "RUB", "USD"}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i, currency := range []string{"RUB", "CHF", "USD", "AED", "KZT", "JPY", "EUR", "INR", "GBP"} {
		body := fmt.Sprintf(`{"currency":%q,"items":[{"resource":"PAYMENT_TX","cost":"1","model":"FREE"}]}`, currency)
		if a := r.json(r.owner, "POST", "/api/v1/costs", body); a.status != http.StatusCreated {
			t.Fatal(a)
		}
		r.post(invoq.Event{
			Tenant: "acme", RequestID: fmt.Sprint("r", i), User: "ann", Service: "pay", Time: now, ReceivedAt: now,
			Measures: []invoq.Measure{{Meter: invoq.PaymentTx, Quantity: invoq.NewDecimal(1, 0)}},
		})
	}
	all, err := r.server.DB.Margins(t.Context(), invoq.Everyone(), ledger.MarginQuery{
		By: ledger.ByResource, Interval: invoq.Interval{Start: now.Add(-time.Hour), End: now.Add(time.Hour)}, Limit: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		if m.Total {
			got = append(got, string(m.Currency))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
