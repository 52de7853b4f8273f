package cost_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/forecast"
	"invoq/forecast/cost"
	"invoq/pricing"
)

var april = pricing.NewMonth(2026, time.April, time.UTC)

// perCall is a plan of one price and so many free calls.
func perCall(t testing.TB, price, free string) *pricing.Sheet {
	t.Helper()
	return compile(t, invoq.Rate{
		Meter: invoq.Invocations, Price: invoq.MustDecimal(price),
		FreePerMonth: invoq.MustDecimal(free),
	})
}

func compile(t testing.TB, rates ...invoq.Rate) *pricing.Sheet {
	t.Helper()
	sheet, err := pricing.Compile(invoq.Plan{Name: "test", Currency: "USD", Rates: rates})
	if err != nil {
		t.Fatal(err)
	}
	return sheet
}

// steady is the forecast of a constant from so many hours into the month: no
// doubt about it.
func steady(t testing.TB, value float64, hoursIn, horizon int) cost.Series {
	t.Helper()
	return ahead(t, []float64{value, value, value}, hoursIn, horizon)
}

func ahead(t testing.TB, history []float64, hoursIn, horizon int) cost.Series {
	t.Helper()
	f, err := forecast.Run(
		forecast.Series{Values: history, Period: 24}, forecast.Options{Horizon: horizon})
	if err != nil {
		t.Fatal(err)
	}
	return cost.Series{
		Meter: invoq.Invocations, Start: april.Start.Add(time.Duration(hoursIn) * time.Hour),
		Step: time.Hour, Forecast: f,
	}
}

// shaky is a history of hourly calls with noise.
func shaky(n int, level, noise float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	y := make([]float64, n)
	for i := range y {
		y[i] = math.Max(0, level+noise*r.NormFloat64())
	}
	return y
}

// used is one hour after another from the month's start, each with so many calls.
func used(hours int, calls string) []pricing.Item {
	var items []pricing.Item
	for h := range hours {
		start := april.Start.Add(time.Duration(h) * time.Hour)
		items = append(items, pricing.Item{
			Interval: invoq.Interval{Start: start, End: start.Add(time.Hour)},
			Meter:    invoq.Invocations, Quantity: invoq.MustDecimal(calls),
		})
	}
	return items
}

func estimate(t testing.TB, in cost.Input) *cost.Outlook {
	t.Helper()
	in.Period = april
	out, err := cost.Estimate(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What is certain costs what its bill will say: 480 hours of 10 calls used and
// 240 to come are 7200 calls, 200 of them above the free ones.
func TestCertainUsageCostsItsBill(t *testing.T) {
	out := estimate(t, cost.Input{
		Sheet: perCall(t, "0.05", "7000"), Used: used(480, "10"),
		Ahead: []cost.Series{steady(t, 10, 480, 240)}, Budget: invoq.MustDecimal("5"),
	})
	dollars := invoq.MustDecimal
	want := &cost.Outlook{
		Currency: "USD", SoFar: dollars("0.00"), Expected: dollars("10.00"),
		Lo80: dollars("10.00"), Hi80: dollars("10.00"),
		Lo95: dollars("10.00"), Hi95: dollars("10.00"),
		// 5 USD are 100 calls above the 7000; the next hour crosses: 711 hours in.
		Crossing: &cost.Crossing{
			Budget: dollars("5"), Probability: 1,
			When: hour(711), Lo80: hour(711), Hi80: hour(711), Lo95: hour(711), Hi95: hour(711),
		},
		Warnings: []string{
			"invocations: all values are equal: the spread is unknown",
		},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
}

func hour(n int) time.Time { return april.Start.Add(time.Duration(n) * time.Hour) }

// A free tier bends money: where the expected usage just reaches it, half of the
// futures cost something, so the expected cost lies above the cost of the
// expected usage, which is next to nothing.
func TestFreeTierIsPricedByFutures(t *testing.T) {
	s := ahead(t, shaky(600, 100, 40, 1), 0, 720)
	expected := s.Forecast.Total(1).Mean
	free := invoq.NewDecimal(int64(expected), 0)
	out := estimate(t, cost.Input{
		Sheet: perCall(t, "1", free.String()), Ahead: []cost.Series{s},
	})
	if out.Expected.Float() < 50 {
		t.Errorf("expected cost is %s, though half of the futures exceed the free calls", out.Expected)
	}
	if out.Lo95.Sign() != 0 || out.Hi95.Cmp(out.Hi80) <= 0 {
		t.Errorf("bounds: %+v", out)
	}
}

// The chance to cross a budget is that of the total to exceed it, and falls with
// the budget; the crossing comes later with a larger budget.
func TestCrossing(t *testing.T) {
	s := ahead(t, shaky(600, 100, 40, 2), 240, 480)
	in := cost.Input{Sheet: perCall(t, "0.01", "0"), Used: used(240, "100"), Ahead: []cost.Series{s}}
	last := 2.0
	var when time.Time
	for _, budget := range []string{"239", "400", "715", "720", "725", "2000"} {
		in.Budget = invoq.MustDecimal(budget)
		c := estimate(t, in).Crossing
		if c.Probability > last {
			t.Errorf("budget %s is crossed with %v, a smaller one with %v", budget, c.Probability, last)
		}
		if c.Probability > 0 && !c.Already {
			if c.When.Before(when) || c.Lo95.After(c.Lo80) || c.Lo80.After(c.When) ||
				c.When.After(c.Hi80) || c.Hi80.After(c.Hi95) {
				t.Errorf("budget %s: %+v", budget, c)
			}
			when = c.When
		}
		last = c.Probability
	}
	in.Budget = invoq.MustDecimal("239")
	if c := estimate(t, in).Crossing; !c.Already || c.Probability != 1 || !c.When.IsZero() {
		t.Errorf("240 USD are used of 239: %+v", c)
	}
	if last != 0 {
		t.Errorf("2000 USD are crossed with probability %v", last)
	}
}

// A step over an instant at which the price changes is split by time: of a day's
// 24 calls the 8 of the night cost 1, the others 2.
func TestStepsAreSplitWhereThePriceChanges(t *testing.T) {
	sheet := compile(t, invoq.Rate{
		Meter: invoq.Invocations, Kind: invoq.RateTimeOfDay, Price: invoq.MustDecimal("2"),
		Windows: []invoq.PriceWindow{
			{Name: "night", From: "00:00", To: "08:00", Price: invoq.MustDecimal("1")},
		},
	})
	s := steady(t, 24, 0, 3)
	s.Step = 24 * time.Hour
	out := estimate(t, cost.Input{Sheet: sheet, Ahead: []cost.Series{s}})
	if want := invoq.MustDecimal("120.00"); !out.Expected.Equal(want) { // 3·(8·1 + 16·2)
		t.Errorf("expected %s, want %s", out.Expected, want)
	}
}

// Steps that reach over the ends of the month count for the part inside.
func TestStepsOutsideThePeriodAreLeftOut(t *testing.T) {
	s := steady(t, 24, -36, 33) // from noon, the 30th of March, 33 days
	s.Step = 24 * time.Hour
	out := estimate(t, cost.Input{Sheet: perCall(t, "1", "0"), Ahead: []cost.Series{s}})
	if want := invoq.MustDecimal("720.00"); !out.Expected.Equal(want) {
		t.Errorf("expected %s, want %s", out.Expected, want)
	}
}

// Rates made of real cost need one for usage to come: that of a unit so far.
func TestRealCostGoesOn(t *testing.T) {
	sheet := compile(t, invoq.Rate{
		Meter: invoq.Invocations, Kind: invoq.RateMarkup, Factor: invoq.MustDecimal("1.5"),
	})
	items := used(10, "100")
	for i := range items {
		c := invoq.MustDecimal("0.20")
		items[i].Cost = &c
	}
	out := estimate(t, cost.Input{
		Sheet: sheet, Used: items, Ahead: []cost.Series{steady(t, 100, 10, 10)},
	})
	if want := invoq.MustDecimal("6.00"); !out.Expected.Equal(want) { // 20·0.20·1.5
		t.Errorf("expected %s, want %s", out.Expected, want)
	}
}

// Meters of one source rise and fall together, so their sum is less certain than
// that of two sources that know nothing of each other.
func TestMetersOfASourceMoveTogether(t *testing.T) {
	sheet := perCall(t, "1", "0")
	width := func(a, b *pricing.Source) float64 {
		x := ahead(t, shaky(400, 100, 40, 3), 0, 24)
		y := x
		x.Source, y.Source = a, b
		out := estimate(t, cost.Input{Sheet: sheet, Ahead: []cost.Series{x, y}, Paths: 1000})
		return out.Hi95.Sub(out.Lo95).Float()
	}
	a, b := &pricing.Source{Service: "a"}, &pricing.Source{Service: "b"}
	together, apart := width(a, a), width(a, b)
	if ratio := together / apart; ratio < 1.2 || ratio > 1.7 { // √2 were the errors normal
		t.Errorf("together %v wide, apart %v", together, apart)
	}
}

// Amounts are in order whatever the usage and the plan, and the same input gives
// the same answer.
func TestBoundsAreOrdered(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := ahead(t, shaky(
			rapid.IntRange(1, 100).Draw(r, "n"), rapid.Float64Range(0, 1e6).Draw(r, "level"),
			rapid.Float64Range(0, 1e6).Draw(r, "noise"), rapid.Uint64().Draw(r, "seed"),
		), rapid.IntRange(0, 700).Draw(r, "from"), rapid.IntRange(1, 50).Draw(r, "horizon"))
		in := cost.Input{
			Sheet: perCall(t, "0.001", "5000"), Period: april, Ahead: []cost.Series{s}, Paths: 50,
			Used: used(rapid.IntRange(0, 5).Draw(r, "used"), "1000"), Budget: invoq.MustDecimal("100"),
		}
		out, err := cost.Estimate(in)
		if err != nil {
			r.Fatal(err)
		}
		order := []invoq.Decimal{out.SoFar, out.Lo95, out.Lo80, out.Hi80, out.Hi95}
		for i := 1; i < len(order); i++ {
			if order[i].Cmp(order[i-1]) < 0 {
				r.Fatalf("so far, lo95, lo80, hi80, hi95 = %v", order)
			}
		}
		again, err := cost.Estimate(in)
		if err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(out, again); diff != "" {
			r.Fatal(diff)
		}
	})
}

// Input without sense is named.
func TestSenselessInput(t *testing.T) {
	good := cost.Input{Sheet: perCall(t, "1", "0"), Period: april}
	f := func(what string, change func(*cost.Input)) {
		t.Helper()
		in := good
		change(&in)
		if _, err := cost.Estimate(in); invoq.KindOf(err) != invoq.KindUnprocessable {
			t.Errorf("%s: %v", what, err)
		}
	}
	f("no plan", func(in *cost.Input) { in.Sheet = nil })
	f("no period", func(in *cost.Input) { in.Period = pricing.Period{} })
	f("too many paths", func(in *cost.Input) { in.Paths = cost.MaxPaths + 1 })
	f("negative budget", func(in *cost.Input) { in.Budget = invoq.MustDecimal("-1") })
	f("no forecast", func(in *cost.Input) { in.Ahead = []cost.Series{{Meter: invoq.Invocations}} })
}

// An outlook for a month of hourly steps with a budget: 500 futures.
func BenchmarkEstimate(b *testing.B) {
	s := ahead(b, shaky(600, 100, 40, 1), 240, 480)
	in := cost.Input{
		Sheet: perCall(b, "0.01", "10000"), Period: april, Used: used(240, "100"),
		Ahead: []cost.Series{s}, Budget: invoq.MustDecimal("620"),
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cost.Estimate(in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "outlooks/s")
}
