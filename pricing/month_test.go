package pricing

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
)

// priceJanuary prices items by rates.
func priceJanuary(t *testing.T, rates []invoq.Rate, usage ...Item) []invoq.BillLine {
	t.Helper()
	st, err := Price(invoq.Plan{Name: "p", Currency: "USD", Rates: rates}, january, usage)
	if err != nil {
		t.Fatal(err)
	}
	return st.Lines
}

// TestLineInputs: a line names each service once, by namespace and then name,
// and leaves out those whose usage was all taken back.
func TestLineInputs(t *testing.T) {
	by := func(namespace, service, revision, quantity string) Item {
		i := used1(invoq.Errors, quantity)
		i.Source = &Source{Namespace: namespace, Service: service, Revision: revision}
		return i
	}
	lines := priceJanuary(t, []invoq.Rate{{Meter: invoq.Errors, Price: d("1")}},
		by("y", "c", "1", "1"), by("y", "b", "1", "2"), by("x", "b", "1", "3"), by("x", "a", "1", "4"),
		by("y", "b", "2", "5"), by("z", "a", "1", "6"), by("z", "a", "2", "-6"))
	want := []invoq.LineInput{
		{Namespace: "x", Service: "a", Quantity: d("4")}, {Namespace: "x", Service: "b", Quantity: d("3")},
		{Namespace: "y", Service: "b", Quantity: d("7")}, {Namespace: "y", Service: "c", Quantity: d("1")},
	}
	if diff := cmp.Diff(want, lines[0].Inputs, decimals); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

// TestLineSteps: only the tiers that were used, and the price of a unit only
// where all units have one.
func TestLineSteps(t *testing.T) {
	tiers := []invoq.Tier{{UpTo: d("5"), Price: d("2")}, {From: d("5"), UpTo: d("9"), Price: d("1")}, {From: d("9")}}
	rates := []invoq.Rate{
		{Meter: invoq.Errors, Kind: invoq.RateGraduated, Tiers: tiers},
		{Meter: invoq.AITokens, Kind: invoq.RateMarkup, Factor: d("3")},
		{Meter: invoq.ColdStarts, Price: d("4")},
	}
	cost := d("10") // As many dollars as tokens: the factor is no price of a token.
	tokens := used1(invoq.AITokens, "10")
	tokens.Cost = &cost
	f := func(quantity string, prices []string, steps []string) {
		t.Helper()
		var gotPrices, gotSteps []string
		for _, l := range priceJanuary(t, rates, used1(invoq.Errors, quantity), tokens, used1(invoq.ColdStarts, "1")) {
			gotPrices = append(gotPrices, l.Price.String())
			for _, s := range l.Steps {
				gotSteps = append(gotSteps, s.Label+" "+s.Quantity.String())
			}
		}
		if diff := cmp.Diff(prices, gotPrices); diff != "" {
			t.Errorf("%s: prices (-want +got):\n%s", quantity, diff)
		}
		if diff := cmp.Diff(steps, gotSteps); diff != "" {
			t.Errorf("%s: steps (-want +got):\n%s", quantity, diff)
		}
	}
	f("5", []string{"2", "0", "4"}, []string{"tier 1 5", "cost 10", " 1"})
	f("6", []string{"0", "0", "4"}, []string{"tier 1 5", "tier 2 1", "cost 10", " 1"})
	f("10", []string{"0", "0", "4"}, []string{"tier 1 5", "tier 2 4", "tier 3 1", "cost 10", " 1"})
}

// TestFeeByDay: a day is paid from its first nanosecond on, and a day that the
// zone has left out is none.
func TestFeeByDay(t *testing.T) {
	plan := invoq.Plan{Name: "p", Currency: "USD", Rates: []invoq.Rate{
		{Name: "fee", Kind: invoq.RateFlat, Price: d("930")}}} // 31 × 30
	f := func(zone *time.Location, start time.Time, length time.Duration, quantity, want string) {
		t.Helper()
		p := Period{Zone: zone, Interval: invoq.Interval{Start: start, End: start.Add(length)}}
		st, err := Price(plan, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !st.Exact.Equal(d(want)) || !st.Lines[0].Quantity.Equal(d(quantity)) {
			t.Errorf("%s: %s days for %s, want %s for %s", p.Interval, st.Lines[0].Quantity, st.Exact, quantity, want)
		}
	}
	fifth := january.Start.AddDate(0, 0, 4)
	f(time.UTC, fifth, 1, "1", "30")
	f(time.UTC, fifth, 24*time.Hour, "1", "30")
	f(time.UTC, fifth, 24*time.Hour+1, "2", "60")
	// Samoa went from 29 to 31 December 2011: 30 days.
	apia := location(t, "Pacific/Apia")
	f(apia, time.Date(2011, 12, 1, 0, 0, 0, 0, apia), time.Hour, "1", "31")
	f(apia, time.Date(2011, 12, 29, 0, 0, 0, 0, apia), 48*time.Hour, "2", "62")
}
