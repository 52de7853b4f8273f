package pricing

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
)

func TestDifferences(t *testing.T) {
	plan := invoq.Plan{Name: "a", Currency: "USD", Rates: []invoq.Rate{
		{Name: "paid", Kind: invoq.RateFlat, Price: d("3")},
		{Meter: invoq.Invocations, Price: d("0.001"), FreePerMonth: d("1100")},
		{Meter: invoq.BandwidthMB, Kind: invoq.RateFree},
		{Meter: invoq.CPUMs, MinimumPerMonth: d("5"), Price: d("1")},
		{Meter: invoq.Errors, Price: d("1")},
		{Meter: invoq.ColdStarts, Price: d("1")},
		{Meter: invoq.AITokens, Kind: invoq.RateMarkup, Factor: d("2")},
	}}
	price := func(usage ...Item) Statement {
		st, err := Price(plan, january, usage)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	cost := d("0.5")
	tokens := used1(invoq.AITokens, "7")
	tokens.Cost = &cost
	got := Differences(
		price(used1(invoq.Invocations, "1000"), used1(invoq.Errors, "3"), used1(invoq.ColdStarts, "2")),
		price(used1(invoq.Invocations, "1604"), used1(invoq.ColdStarts, "2"), tokens,
			used1(invoq.BandwidthMB, "4"), used1(invoq.CPUMs, "2")))
	want := []invoq.BillLine{
		{Rate: "invocations", Kind: invoq.LineUsage, Model: invoq.RatePerUnit, Meter: invoq.Invocations, Month: "2026-01",
			Quantity: d("604"), Free: d("100"), Billable: d("504"), List: d("0.504"), Exact: d("0.504"), Amount: d("0.5")},
		// The minimum lacks 2 less, and has no quantity of its own.
		{Rate: "cpu_ms", Kind: invoq.LineMinimum, Model: invoq.RatePerUnit, Meter: invoq.CPUMs, Month: "2026-01",
			List: d("-2"), Exact: d("-2"), Amount: d("-2")},
		{Rate: "errors", Kind: invoq.LineUsage, Model: invoq.RatePerUnit, Meter: invoq.Errors, Month: "2026-01",
			Quantity: d("-3"), Billable: d("-3"), List: d("-3"), Exact: d("-3"), Amount: d("-3")},
		// Free of charge, and a difference all the same.
		{Rate: "BANDWIDTH_MB", Kind: invoq.LineUsage, Model: invoq.RateFree, Meter: invoq.BandwidthMB, Month: "2026-01",
			Quantity: d("4"), Billable: d("4")},
		{Rate: "cpu_ms", Kind: invoq.LineUsage, Model: invoq.RatePerUnit, Meter: invoq.CPUMs, Month: "2026-01",
			Quantity: d("2"), Billable: d("2"), List: d("2"), Exact: d("2"), Amount: d("2")},
		{Rate: "AI_TOKENS", Kind: invoq.LineUsage, Model: invoq.RateMarkup, Meter: invoq.AITokens, Month: "2026-01",
			Quantity: d("7"), Billable: d("7"), List: d("1"), Cost: d("0.5"), Exact: d("1"), Amount: d("1")},
	}
	if diff := cmp.Diff(want, got, decimals); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestDifferencesByMonth: in the order of the months, also where the bill that
// was issued has nothing of an earlier one.
func TestDifferencesByMonth(t *testing.T) {
	plan := invoq.Plan{Name: "a", Currency: "USD", Rates: []invoq.Rate{{Meter: invoq.Errors, Price: d("1")}}}
	both := Period{Zone: time.UTC, Interval: invoq.Interval{Start: january.Start,
		End: NewMonth(2026, time.February, time.UTC).End}}
	early, late := used1(invoq.Errors, "1"), used1(invoq.Errors, "2")
	late.Start = january.End
	issued, err := Price(plan, both, []Item{late})
	if err != nil {
		t.Fatal(err)
	}
	right, err := Price(plan, both, []Item{late, late, early})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range Differences(issued, right) {
		got = append(got, l.Month+" "+l.Quantity.String())
	}
	if diff := cmp.Diff([]string{"2026-01 1", "2026-02 2"}, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}
