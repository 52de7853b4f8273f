package pricing

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
)

// decimals compares decimals as the numbers they are.
var decimals = cmp.Comparer(func(a, b invoq.Decimal) bool { return a.Cmp(b) == 0 })

func d(s string) invoq.Decimal { return invoq.MustDecimal(s) }

// january is a month in UTC.
var january = NewMonth(2026, time.January, time.UTC)

// used1 is one item at the start of January.
func used1(m invoq.Meter, quantity string) Item {
	return Item{Interval: invoq.Interval{Start: january.Start}, Meter: m, Quantity: d(quantity)}
}

func TestSimulate(t *testing.T) {
	cheap := invoq.Plan{ID: "a", Name: "cheap", Version: 2, Currency: "USD", Rates: []invoq.Rate{
		{Meter: invoq.Invocations, Price: d("1"), Per: d("1000")},
		{Meter: invoq.Errors, Name: "errors a", Where: invoq.Selector{Services: []string{"a"}}, Price: d("0.01")},
		{Meter: invoq.Errors, Price: d("0.02")},
	}}
	flat := invoq.Plan{ID: "b", Name: "flat", Version: 1, Currency: "USD", Rates: []invoq.Rate{
		{Name: "base", Kind: invoq.RateFlat, Price: d("5")},
		{Meter: invoq.Invocations, Kind: invoq.RateFixed, IncludedIn: "base"},
	}}
	a := &Source{Service: "a"}
	usage := []Item{used1(invoq.Invocations, "3000"), used1(invoq.Errors, "100"), used1(invoq.Errors, "10")}
	usage[1].Source = a
	got, err := Simulate([]invoq.Plan{cheap, flat, cheap}, january, usage)
	if err != nil {
		t.Fatal(err)
	}
	want := []SimulationRow{
		{Month: "2026-01", Meter: invoq.Invocations, Kind: invoq.LineUsage,
			Amounts:     []invoq.Decimal{d("3"), d("0"), d("3")},
			Differences: []invoq.Decimal{d("0"), d("-3"), d("0")}},
		{Month: "2026-01", Meter: invoq.Errors, Kind: invoq.LineUsage,
			Amounts:     []invoq.Decimal{d("1.2"), d("0"), d("1.2")},
			Differences: []invoq.Decimal{d("0"), d("-1.2"), d("0")}},
		{Month: "2026-01", Name: "base", Kind: invoq.LineFee,
			Amounts:     []invoq.Decimal{d("0"), d("5"), d("0")},
			Differences: []invoq.Decimal{d("0"), d("5"), d("0")}},
	}
	if diff := cmp.Diff(want, got.Rows, decimals); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	// 3.00 + 1.20 against 5.00, which leaves 110 errors unpriced.
	r := got.Results[1]
	if r.Plan != "flat" || r.PlanID != "b" || r.Version != 1 || r.Difference.Cmp(d("0.8")) != 0 ||
		len(r.Statement.Unpriced) != 1 || !got.Results[2].Difference.IsZero() {
		t.Errorf("results %+v", got.Results)
	}
}

// TestSimulateMonths: rows are by month, also where one plan alone has them.
func TestSimulateMonths(t *testing.T) {
	requests := invoq.Plan{Name: "a", Currency: "USD", Rates: []invoq.Rate{{Meter: invoq.Invocations, Price: d("1")}}}
	fee := invoq.Plan{Name: "b", Currency: "USD", Rates: []invoq.Rate{{Name: "fee", Kind: invoq.RateFlat, Price: d("1")}}}
	both := Period{Zone: time.UTC, Interval: invoq.Interval{Start: january.Start,
		End: NewMonth(2026, time.February, time.UTC).End}}
	late := used1(invoq.Invocations, "1")
	late.Start = january.End
	got, err := Simulate([]invoq.Plan{requests, fee}, both, []Item{late})
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range got.Rows {
		rows = append(rows, r.Month+" "+string(r.Kind))
	}
	if diff := cmp.Diff([]string{"2026-01 fee", "2026-02 usage", "2026-02 fee"}, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestSimulateRefuses(t *testing.T) {
	f := func(plans []invoq.Plan, want string) {
		t.Helper()
		_, err := Simulate(plans, january, nil)
		if invoq.KindOf(err) != invoq.KindUnprocessable || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	usd := invoq.Plan{Name: "a", Currency: "USD", Rates: []invoq.Rate{{Meter: invoq.Errors}}}
	eur := usd
	eur.Name, eur.Currency = "b", "EUR"
	f(nil, "there are 0")
	f(make([]invoq.Plan, MaxSimulated+1), "there are 51")
	f([]invoq.Plan{usd, eur}, `plan "a" is in USD and plan "b" in EUR`)
	f([]invoq.Plan{usd, {Name: "c", Currency: "USD"}}, `simulate plan "c": rates: a plan needs`)
	if _, err := Simulate(make50(usd), january, nil); err != nil {
		t.Errorf("50 plans: %v", err)
	}
}

func make50(p invoq.Plan) []invoq.Plan {
	all := make([]invoq.Plan, MaxSimulated)
	for i := range all {
		all[i] = p
	}
	return all
}
