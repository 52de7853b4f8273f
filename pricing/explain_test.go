package pricing

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
)

// TestExplain: each line of a bill says how it came about, from the line alone.
func TestExplain(t *testing.T) {
	plan := invoq.Plan{Name: "p", Currency: "USD", Rates: []invoq.Rate{
		{Name: "base", Kind: invoq.RateFlat, Price: d("31")},
		{Meter: invoq.Invocations, Name: "requests", Kind: invoq.RateGraduated, FreePerMonth: d("100"), SpotOff: d("0.5"),
			Tiers: []invoq.Tier{{UpTo: d("50"), Price: d("0.1")}, {From: d("50"), Price: d("0.02")}}},
		{Meter: invoq.AITokens, Kind: invoq.RateMarkup, Factor: d("1.5")},
		{Name: "support", Kind: invoq.RateFlat, Price: d("31"), Prorate: invoq.ProrateSecond},
	}}
	cost := d("0.333")
	usage := []Item{used1(invoq.Invocations, "120"), used1(invoq.Invocations, "60"), used1(invoq.AITokens, "9")}
	usage[0].Source = &Source{Namespace: "prod", Service: "waiter", Revision: "1"}
	usage[1].Source = &Source{Service: "hello"}
	usage[2].Cost = &cost
	p := january
	p.End = p.Start.Add(10 * 24 * time.Hour)
	st, err := Price(plan, p, usage)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range st.Lines {
		got = append(got, Explain(l, st.Currency)...)
	}
	want := strings.Split(`base fee, 2026-01: 10.00 USD
  10 of 31 days: 10
  10, rounded to 10.00
requests usage, 2026-01: 2.80 USD
  180 invocations, 100 free, 80 billable
  used by hello: 60
  used by prod/waiter: 120
  tier 1: 50 × 0.1 = 5
  tier 2: 30 × 0.02 = 0.6
  less 50% of 5.6: 2.8
  2.8, rounded to 2.80
AI_TOKENS usage, 2026-01: 0.50 USD
  9 AI_TOKENS, 0 free, 9 billable
  used by an unknown service: 9
  cost: 0.333 × 1.5 = 0.4995
  0.4995, rounded to 0.50
support fee, 2026-01: 10.00 USD
  864000 of 2678400 seconds: 10
  10, rounded to 10.00`, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("explanation (-want +got):\n%s", diff)
	}
	// A minimum has a meter and no quantity.
	least := invoq.BillLine{Rate: "errors", Kind: invoq.LineMinimum, Meter: invoq.Errors, Month: "2026-01",
		Exact: d("2"), Amount: d("2"), Steps: []invoq.LineStep{{Label: "minimum", Amount: d("3")},
			{Label: "charged", Amount: d("-1")}}}
	want = []string{"errors minimum, 2026-01: 2.00 USD", "  minimum: 3", "  charged: -1", "  2, rounded to 2.00"}
	if diff := cmp.Diff(want, Explain(least, "USD")); diff != "" {
		t.Errorf("a minimum (-want +got):\n%s", diff)
	}
	// Free units that another rate of the pool has taken back.
	taken := invoq.BillLine{Rate: "x86", Kind: invoq.LineUsage, Meter: invoq.Errors, Month: "2026-01",
		Free: d("-4"), Billable: d("4")}
	want = []string{"x86 usage, 2026-01: 0.00 USD", "  0 errors, -4 free, 4 billable", "  0, rounded to 0.00"}
	if diff := cmp.Diff(want, Explain(taken, "USD")); diff != "" {
		t.Errorf("free units taken back (-want +got):\n%s", diff)
	}
	line := invoq.BillLine{Rate: "old", Kind: invoq.LineReprice, Month: "2026-01", Exact: d("-0.25"), Amount: d("-0.25"),
		Steps: []invoq.LineStep{{Quantity: d("5"), Price: d("0.05"), Amount: d("0.25")}}}
	got = Explain(line, "unknown")
	want = []string{"old reprice, 2026-01: -0.25 unknown", "  5 × 0.05 = 0.25", "  -0.25, rounded to -0.25"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in an unknown currency (-want +got):\n%s", diff)
	}
}
