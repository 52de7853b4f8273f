package billing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// berlinMarch is a month of 743 hours.
func berlinMarch() invoq.Interval {
	return invoq.Interval{Start: berlin("2026-03-01"), End: berlin("2026-04-01")}
}

// desk returns a database with one tenant in Berlin and these versions of plans.
func desk(plans ...invoq.Plan) *database {
	return &database{
		tenant: invoq.Tenant{ID: "t", Name: "acme", Currency: "EUR", Timezone: "Europe/Berlin", PlanID: "p"},
		plans:  plans,
	}
}

// described says which version prices which days, and what the bill comes to.
func described(t testing.TB, db *database) []string {
	t.Helper()
	c, err := New(db).Preview(t.Context(), invoq.Everyone(), "acme", berlinMarch())
	if err != nil {
		return []string{err.Error()}
	}
	zone := berlin("2026-03-01").Location()
	var out []string
	for _, p := range c.Bill.Parts {
		out = append(out, fmt.Sprintf("%s %d: %s to %s", p.PlanID, p.PlanVersion,
			invoq.DateOf(p.Period.Start, zone), invoq.DateOf(p.Period.End, zone)))
	}
	return append(out, "total "+c.Bill.Total.String())
}

// Versions hold from their day on; of two of one day the newer holds, and one
// that was made early for a later day still comes.
func TestVersionsInForce(t *testing.T) {
	version := func(n int, from invoq.Date, price string) invoq.Plan {
		return plan("p", func(p *invoq.Plan) {
			p.Version, p.EffectiveFrom, p.Rates[0].Price = n, from, invoq.MustDecimal(price)
		})
	}
	f := func(plans []invoq.Plan, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, described(t, desk(plans...))); diff != "" {
			t.Errorf("bill (-want +got):\n%s", diff)
		}
	}
	one, two := version(1, "", "0.01"), version(2, "2026-03-11", "0.02")
	f([]invoq.Plan{one}, "p 1: 2026-03-01 to 2026-04-01", "total 6.43")
	// 240 hours, of which 100 are free, at 0.01; 503 hours at 0.02.
	f([]invoq.Plan{one, two}, "p 1: 2026-03-01 to 2026-03-11", "p 2: 2026-03-11 to 2026-04-01", "total 11.46")
	f([]invoq.Plan{one, two, version(3, "2026-03-11", "0.01")},
		"p 1: 2026-03-01 to 2026-03-11", "p 3: 2026-03-11 to 2026-04-01", "total 6.43")
	f([]invoq.Plan{one, two, version(3, "2026-03-06", "0.03")},
		"p 1: 2026-03-01 to 2026-03-06", "p 3: 2026-03-06 to 2026-03-11", "p 2: 2026-03-11 to 2026-04-01",
		"total 13.86") // 20 × 0.01 + 120 × 0.03 + 503 × 0.02
	f([]invoq.Plan{one, version(2, "2026-04-01", "9")}, "p 1: 2026-03-01 to 2026-04-01", "total 6.43")
	f([]invoq.Plan{one, version(2, "2025-01-01", "0.02")}, "p 2: 2026-03-01 to 2026-04-01", "total 12.86")
	f([]invoq.Plan{version(1, "2026-03-11", "0.02")},
		`no version of plan "p" is in force on 2026-03-01, and tenant "acme" is priced by it`)
}

// Tenants move between plans on a day of their own calendar.
func TestAssignments(t *testing.T) {
	f := func(want []string, assigned ...invoq.PlanAssignment) {
		t.Helper()
		db := desk(plan("p", nil), plan("q", func(p *invoq.Plan) { p.Rates[0].Price = invoq.MustDecimal("0.1") }))
		db.assigned = assigned
		if diff := cmp.Diff(want, described(t, db)); diff != "" {
			t.Errorf("bill (-want +got):\n%s", diff)
		}
	}
	on := func(day invoq.Date, id invoq.PlanID) invoq.PlanAssignment {
		return invoq.PlanAssignment{EffectiveFrom: day, PlanID: id}
	}
	f([]string{"p 1: 2026-03-01 to 2026-03-29", "q 1: 2026-03-29 to 2026-04-01", "total 12.82"},
		on("2026-03-29", "q")) // The day of 23 hours: 71 × 0.1 after 572 × 0.01.
	f([]string{"p 1: 2026-03-01 to 2026-04-01", "total 6.43"}, on("2026-03-29", "q"), on("2026-03-29", "p"))
	f([]string{"q 1: 2026-03-01 to 2026-03-02", "p 1: 2026-03-02 to 2026-04-01", "total 6.43"},
		on("2026-01-01", "q"), on("2026-03-02", "p")) // The 24 hours at 0.1 are free, 76 of the others are.
	f([]string{`find plan of tenant "acme": no plan "none"`}, on("2026-03-02", "none"))
}

// To be assigned the plan that the rules had found cuts nothing.
func TestAssignedWhatTheRulesFound(t *testing.T) {
	db := desk(plan("p", nil))
	db.tenant.PlanID = ""
	db.assigned = []invoq.PlanAssignment{{EffectiveFrom: "2026-03-15", PlanID: "p"}}
	want := []string{"p 1: 2026-03-01 to 2026-04-01", "total 6.43"}
	if diff := cmp.Diff(want, described(t, db)); diff != "" {
		t.Errorf("bill (-want +got):\n%s", diff)
	}
}

// Moving between equal plans on any days changes nothing of the exact total, and
// free units are used once.
func TestMovingToAnEqualPlanChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rates := []invoq.Rate{{
			Meter: invoq.Invocations, Kind: invoq.RateGraduated,
			FreePerMonth: invoq.NewDecimal(rapid.Int64Range(0, 800).Draw(t, "free"), 0),
			Tiers: []invoq.Tier{
				{UpTo: invoq.NewDecimal(300, 0), Price: invoq.MustDecimal("0.017")},
				{From: invoq.NewDecimal(300, 0), Price: invoq.MustDecimal("0.0013")},
			},
		}}
		equal := func(id string) invoq.Plan { return plan(id, func(p *invoq.Plan) { p.Rates = rates }) }
		march := pricing.Period{Interval: berlinMarch(), Zone: berlin("2026-03-01").Location()}
		price := func(assigned ...invoq.PlanAssignment) invoq.Decimal {
			db := desk(equal("p"), equal("q"))
			db.assigned = assigned
			parts, err := agreement{db, newSheets()}.parts(t.Context(), db.tenant, march)
			if err != nil {
				t.Fatal(err)
			}
			a, err := newAccount(db.tenant, march, parts)
			if err != nil {
				t.Fatal(err)
			}
			book, err := db.SumBook(t.Context(), invoq.Everyone(), a.spans, postgres.WholeBook)
			if err != nil {
				t.Fatal(err)
			}
			st, err := a.price(book.Spans, nil)
			if err != nil {
				t.Fatal(err)
			}
			return st.exact
		}
		var moves []invoq.PlanAssignment
		for i, day := range rapid.SliceOfNDistinct(rapid.IntRange(1, 31), 1, 6, rapid.ID[int]).Draw(t, "days") {
			moves = append(moves, invoq.PlanAssignment{
				EffectiveFrom: invoq.Date(fmt.Sprintf("2026-03-%02d", day)), PlanID: invoq.PlanID("qp"[i%2 : i%2+1]),
			})
		}
		slices.SortFunc(moves, func(a, b invoq.PlanAssignment) int { return compare(a.EffectiveFrom, b.EffectiveFrom) })
		if stayed, moved := price(), price(moves...); !stayed.Equal(moved) {
			t.Fatalf("who moved on %v pays %s, who stayed %s", moves, moved, stayed)
		}
	})
}

// Who moves on the 15th pays 14 of 31 days of the one fee and 17 of the other, and
// of the last plan's minimum what it lacks to by its own prices: 100 − 62.
func TestMovingSplitsFees(t *testing.T) {
	with := func(id, fee, minimum string) invoq.Plan {
		return plan(id, func(p *invoq.Plan) {
			p.Rates = []invoq.Rate{
				{Name: "base", Kind: invoq.RateFlat, Price: invoq.MustDecimal(fee)},
				{Meter: invoq.Invocations, Kind: invoq.RateFixed, IncludedIn: "base"},
			}
			p.MinimumPerMonth = invoq.MustDecimal(minimum)
		})
	}
	db := desk(with("p", "31", "50"), with("q", "62", "100"))
	db.assigned = []invoq.PlanAssignment{{EffectiveFrom: "2026-03-15", PlanID: "q"}}
	want := []string{
		"p 1: 2026-03-01 to 2026-03-15", "q 1: 2026-03-15 to 2026-04-01", "total 86", // 14 + 34 + 38.
	}
	if diff := cmp.Diff(want, described(t, db)); diff != "" {
		t.Errorf("bill (-want +got):\n%s", diff)
	}
}

// Usage is read between the instants at which a price by the clock changes, also
// on the day that has no 02:30.
func TestSpansFollowTheClock(t *testing.T) {
	db := desk(plan("p", func(p *invoq.Plan) {
		p.Rates[0] = invoq.Rate{
			Meter: invoq.Invocations, Kind: invoq.RateTimeOfDay, Price: invoq.MustDecimal("1"),
			Windows: []invoq.PriceWindow{{Name: "night", From: "22:00", To: "02:30", Price: invoq.MustDecimal("0.5")}},
		}
	}))
	_, err := New(db).Preview(t.Context(), invoq.Everyone(), "acme", berlinMarch())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range db.summed {
		if i.End.After(berlin("2026-03-29")) && i.Start.Before(berlin("2026-03-30")) {
			got = append(got, i.Start.UTC().Format("02 15:04"))
		}
	}
	// Clocks go from 02:00 to 03:00 at 01:00 UTC: the night ends there.
	if diff := cmp.Diff([]string{"28 21:00", "29 01:00", "29 20:00"}, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	db.plans[0].Rates[0].Windows[0].From = "22:03"
	_, err = New(db).Preview(t.Context(), invoq.Everyone(), "acme", berlinMarch())
	if err == nil || !strings.Contains(err.Error(), "windows of five minutes") {
		t.Errorf("a price that changes within a window: %v", err)
	}
}

// A day's cost by the clock on the tenant's page is what the bill will say.
func TestMonthToDateFollowsTheClock(t *testing.T) {
	db := desk(plan("p", func(p *invoq.Plan) {
		p.Rates[0] = invoq.Rate{
			Meter: invoq.Invocations, Kind: invoq.RateTimeOfDay, Price: invoq.MustDecimal("1"),
			Windows: []invoq.PriceWindow{{Name: "night", From: "18:00", To: "06:00", Price: invoq.MustDecimal("0.5")}},
		}
	}))
	m, err := New(db).MonthToDate(t.Context(), invoq.Everyone(), "acme", berlin("2026-03-12").Add(time.Hour))
	if err != nil || m.Problem != "" {
		t.Fatal(err, m.Problem)
	}
	for _, d := range m.Days {
		if d.Cost.String() != "18" {
			t.Errorf("%s costs %s, want 12 × 1 and 12 × 0.5", d.Day, d.Cost)
		}
	}
}

// A bill whose figures contradict each other is not made, and says so.
func TestSealRefusesContradictions(t *testing.T) {
	d := invoq.MustDecimal
	good := func() invoq.Bill {
		return invoq.Bill{
			Currency: "EUR", Period: berlinMarch(), Total: d("1.01"),
			Parts: []invoq.BillPart{{Period: berlinMarch(), PlanID: "p", PlanVersion: 1}},
			Lines: []invoq.BillLine{{
				Rate: "r", Quantity: d("3"), Free: d("1"), Billable: d("2"), List: d("1.005"), Exact: d("1.005"),
				Amount: d("1.01"), Steps: []invoq.LineStep{{Amount: d("1.005")}},
				Inputs: []invoq.LineInput{{Quantity: d("3")}},
			}},
		}
	}
	f := func(want string, spoil func(*invoq.Bill)) {
		t.Helper()
		b := good()
		spoil(&b)
		err := guard(func() error { seal(&b); return nil })
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	f("", func(*invoq.Bill) {})
	f("add up to 1.01, the total is 1", func(b *invoq.Bill) { b.Total = d("1") })
	f("is not 1.005 rounded", func(b *invoq.Bill) { b.Lines[0].Amount, b.Total = d("1"), d("1") })
	f("the steps add up to 2", func(b *invoq.Bill) { b.Lines[0].Steps[0].Amount = d("2") })
	f("less 0.5 of it", func(b *invoq.Bill) { b.Lines[0].Off = d("0.5") })
	f("free and 2 billable", func(b *invoq.Bill) { b.Lines[0].Free = d("2") })
	f("its services used 4", func(b *invoq.Bill) { b.Lines[0].Inputs[0].Quantity = d("4") })
	f("the parts end", func(b *invoq.Bill) { b.Parts[0].Period.End = berlin("2026-03-31") })
	f("does not begin", func(b *invoq.Bill) { b.Parts[0].Period.Start = berlin("2026-03-02") })
	f("not a code of ISO 4217", func(b *invoq.Bill) { b.Currency = "XXQ" })
}

// The same plans and usage give the same bytes.
func TestCanonicalBytes(t *testing.T) {
	one, err := New(desk(plan("p", nil))).Preview(t.Context(), invoq.Everyone(), "acme", berlinMarch())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"tenant_id":"t","period":{"start":"2026-02-28T23:00:00Z","end":"2026-03-31T22:00:00Z"},` +
		`"timezone":"Europe/Berlin","currency":"EUR","parts":[{"period":{"start":"2026-02-28T23:00:00Z",` +
		`"end":"2026-03-31T22:00:00Z"},"plan_id":"p","plan_version":1}],"lines":[{"rate":"invocations",` +
		`"kind":"usage","model":"per_unit","meter":"invocations","month":"2026-03","quantity":"743","free":"100",` +
		`"billable":"643","price":"0.01","list":"6.43","exact":"6.43","amount":"6.43","steps":[{"quantity":"643",` +
		`"price":"0.01","amount":"6.43"}],"inputs":[{"service":"f","quantity":"743"}]}],"total":"6.43",` +
		`"warnings":["1.5 pod-seconds were seen by no scrape; what was used in them and lost with the pod is not ` +
		`counted"],"head":{"size":1,"root":"root"}}`
	if diff := cmp.Diff(want, string(Canonical(one.Bill))); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
}
