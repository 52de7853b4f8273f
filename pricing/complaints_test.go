package pricing_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/pricing"
)

// What users of other billing systems complain of, each as a test that it does
// not happen here.

// TestPropertyNothingIsLost: usage that is taken in is on a line or is called
// unpriced, to the last unit. Complaint: events are accepted and never counted.
func TestPropertyNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		for i := range s.plan.Rates {
			s.plan.Rates[i].Round = invoq.Rounding{} // It changes what a call counts as.
		}
		st := mustPrice(t, s.plan, s.period, s.usage)
		missing := map[invoq.Meter]invoq.Decimal{}
		for _, item := range s.usage {
			if !item.Start.Before(s.period.Start) {
				missing[item.Meter] = missing[item.Meter].Add(item.Quantity)
			}
		}
		for _, l := range st.Lines {
			if l.Kind == invoq.LineUsage || l.Kind == invoq.LineOverage {
				missing[l.Meter] = missing[l.Meter].Sub(l.Quantity)
			}
		}
		for _, u := range st.Unpriced {
			missing[u.Meter] = missing[u.Meter].Sub(u.Quantity)
		}
		for meter, quantity := range missing {
			if !quantity.IsZero() {
				t.Fatalf("%s of %q are on no line", quantity, meter)
			}
		}
	})
}

// TestLastDayInEveryZone: usage of every quarter of an hour around the ends of
// a year's months, billed by the months of each zone: none of a month's own is
// missing, and one month ends where the next begins, so that none is billed
// twice. Complaints: usage of the last day is dropped in some zones, customers
// east of UTC pay twice.
func TestLastDayInEveryZone(t *testing.T) {
	plan := invoq.Plan{Name: "one", Currency: "USD", Rates: []invoq.Rate{
		{Meter: invoq.Invocations, Price: invoq.NewDecimal(1, 0)}}}
	for _, zone := range zones {
		for m := time.January; m <= time.December; m++ {
			month := pricing.NewMonth(2026, m, zone)
			var usage []pricing.Item
			for at := month.Start; at.Before(month.End); at = at.Add(grid) {
				if at.Sub(month.Start) == 26*time.Hour {
					at = month.End.Add(-26 * time.Hour) // A day of 25 hours and one more.
				}
				usage = append(usage, pricing.Item{Meter: invoq.Invocations, Quantity: invoq.NewDecimal(1, 0),
					Interval: invoq.Interval{Start: at, End: at.Add(grid)}})
			}
			st, err := pricing.Price(plan, month, usage)
			if err != nil {
				t.Fatalf("%s %s: %v", m, zone, err)
			}
			want := invoq.NewDecimal(2*26*4, 0)
			if len(st.Lines) != 1 || !st.Total.Equal(want) {
				t.Errorf("%s in %s: total %s of %d lines, want %s", m, zone, st.Total, len(st.Lines), want)
			}
			if next := pricing.NewMonth(2026, m+1, zone); !next.Start.Equal(month.End) {
				t.Errorf("%s in %s ends at %s, the next month begins at %s", m, zone, month.End, next.Start)
			}
		}
	}
}

// item is usage of one quantity in month2026, by tags of its source.
func item(m invoq.Meter, quantity string, tags map[string]string) pricing.Item {
	return pricing.Item{Interval: invoq.Interval{Start: month2026.Start}, Meter: m,
		Quantity: invoq.MustDecimal(quantity), Source: &pricing.Source{Tags: tags}}
}

// TestTotalsBeyondMachineIntegers: complaints: totals of tokens overflow 32
// bits, usage with large amounts is missing. By hand: 3 × 2^63 tokens at
// 0.000002, and a price of 0.0000000000163 for 10^18 units.
func TestTotalsBeyondMachineIntegers(t *testing.T) {
	plan := invoq.Plan{Name: "large", Currency: "USD", Rates: []invoq.Rate{
		{Meter: invoq.AITokens, Price: invoq.MustDecimal("0.000002")},
		{Meter: invoq.MBMs, Price: invoq.MustDecimal("0.0000000000163")},
	}}
	tokens := item(invoq.AITokens, "9223372036854775808", nil) // 2^63
	st, err := pricing.Price(plan, month2026, []pricing.Item{
		tokens, tokens, tokens, item(invoq.MBMs, "1e18", nil)})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"27670116110564327424 55340232221128.65", "1000000000000000000 16300000.00"}
	var got []string
	for _, l := range st.Lines {
		got = append(got, l.Quantity.String()+" "+l.Amount.Fixed(2))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestUnknownVariantIsUnpriced: complaints: cached tokens are priced at 0 in
// silence, and another model's price is taken for a model that has none.
func TestUnknownVariantIsUnpriced(t *testing.T) {
	model := func(name, kind string) map[string]string { return map[string]string{"model": name, "kind": kind} }
	plan := invoq.Plan{Name: "models", Currency: "USD", Rates: []invoq.Rate{
		{Meter: invoq.AITokens, Price: invoq.MustDecimal("0.01"), Where: invoq.Selector{Tags: model("large", "input")}},
	}}
	st, err := pricing.Price(plan, month2026, []pricing.Item{
		item(invoq.AITokens, "100", model("large", "input")),
		item(invoq.AITokens, "40", model("large", "cached")),
		item(invoq.AITokens, "2", model("large-2", "input")),
		item(invoq.AITokens, "1", nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Lines) != 1 || !st.Total.Equal(invoq.NewDecimal(1, 0)) {
		t.Errorf("total %s, lines %+v, want 1.00 of one line", st.Total, st.Lines)
	}
	if len(st.Unpriced) != 1 || st.Unpriced[0].Reason != pricing.NoRate ||
		!st.Unpriced[0].Quantity.Equal(invoq.NewDecimal(43, 0)) {
		t.Errorf("unpriced %+v, want 43 tokens", st.Unpriced)
	}
}

// TestUnknownCostIsNotZero: usage whose cost nobody knows is not sold for it.
// Complaint: what has no known price is billed at 0.
func TestUnknownCostIsNotZero(t *testing.T) {
	plan := invoq.Plan{Name: "resold", Currency: "USD", Rates: []invoq.Rate{
		{Meter: invoq.AITokens, Kind: invoq.RateMarkup, Factor: invoq.NewDecimal(2, 0)}}}
	known, free := item(invoq.AITokens, "10", nil), item(invoq.AITokens, "5", nil)
	cost, none := invoq.NewDecimal(3, 0), invoq.Decimal{}
	known.Cost, free.Cost = &cost, &none
	st, err := pricing.Price(plan, month2026, []pricing.Item{known, free, item(invoq.AITokens, "7", nil)})
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Lines) != 1 || !st.Total.Equal(invoq.NewDecimal(6, 0)) ||
		!st.Lines[0].Quantity.Equal(invoq.NewDecimal(15, 0)) {
		t.Errorf("lines %+v, want 15 tokens for 6.00", st.Lines)
	}
	if len(st.Unpriced) != 1 || st.Unpriced[0].Reason != pricing.NoCost ||
		!st.Unpriced[0].Quantity.Equal(invoq.NewDecimal(7, 0)) {
		t.Errorf("unpriced %+v, want 7 tokens without a cost", st.Unpriced)
	}
}

// TestPropertyNewPriceChangesNoOldBill: a new version of a plan leaves what the old one
// asks as it was; going over to it is a list of differences, and going back is
// the same list with other signs. Complaints: history is repriced when a report
// is made, and a changed price cannot be applied to the past on purpose.
func TestPropertyNewPriceChangesNoOldBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		sheet, err := pricing.Compile(s.plan)
		if err != nil {
			t.Fatal(err)
		}
		old := mustPrice(t, s.plan, s.period, s.usage)
		plan := drawPlan(t, allKinds)
		plan.Currency = s.plan.Currency
		later := mustPrice(t, plan, s.period, s.usage)
		again, err := sheet.Price(s.period, s.usage)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asJSON(t, old), asJSON(t, again)); diff != "" {
			t.Fatalf("the old bill has changed (-first +again):\n%s", diff)
		}
		there, back := pricing.Differences(old, later), pricing.Differences(later, old)
		if len(there) != len(back) {
			t.Fatalf("%d differences there, %d back", len(there), len(back))
		}
		total := old.Total
		for _, l := range there {
			total = total.Add(l.Amount)
		}
		if !total.Equal(later.Total) {
			t.Fatalf("with its differences the old bill makes %s, the new one %s", total, later.Total)
		}
		for _, l := range back {
			total = total.Add(l.Amount)
		}
		if !total.Equal(old.Total) {
			t.Fatalf("there and back is %s, not %s", total, old.Total)
		}
	})
}
