package dashboards

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/forecast"
)

// Days that are over have what was used, the others what is expected: today's
// count alone would look like a fall.
func TestAheadChart(t *testing.T) {
	m := billing.Month{Days: []billing.Day{
		{Day: "2026-03-01", Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(7, 0)}},
		{Day: "2026-03-02", Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(2, 0)}},
	}}
	if aheadChart(&m, nil) != nil {
		t.Error("a chart of nothing ahead")
	}
	chart := aheadChart(&m, []AheadDay{
		{"2026-03-02", forecast.Total{Mean: 8.4, Lo80: 6, Hi80: 10, Lo95: 5, Hi95: 11}},
		{"2026-03-03", forecast.Total{Mean: 9, Lo80: 7, Hi80: 12, Lo95: 4, Hi95: 14}},
	})
	var options struct {
		Series []struct {
			Name string
			Data []struct{ Value any }
		}
	}
	if err := json.Unmarshal([]byte(chart.Options), &options); err != nil {
		t.Fatal(err)
	}
	got := map[string][]any{}
	for _, s := range options.Series {
		for _, d := range s.Data {
			got[s.Name] = append(got[s.Name], d.Value)
		}
	}
	want := map[string][]any{
		"Used": {7., "-", "-"}, "Expected": {"-", 8., 9.}, "80 % from": {"-", 6., 7.}, "80 % to": {"-", 10., 12.},
		"95 % from": {"-", 5., 4.}, "95 % to": {"-", 11., 14.},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The cost of the whole month stands among the cards, with its bounds where it
// has some.
func TestMonthEndCard(t *testing.T) {
	f := func(lo, hi, want string) {
		t.Helper()
		a := AheadCost{
			Currency: "USD", Expected: invoq.MustDecimal("12.5"),
			Lo80: invoq.MustDecimal(lo), Hi80: invoq.MustDecimal(hi),
		}
		got := a.card()
		if got.Text != "$12.50" || got.Note != want {
			t.Errorf("%+v, want $12.50 and %q", got, want)
		}
	}
	f("11", "14", "80 % sure: $11.00 to $14.00")
	f("12.5", "12.5", "a past without unrest has no bounds")
}
