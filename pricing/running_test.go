package pricing_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"invoq"
	"invoq/pricing"
)

// drawMonth draws a scenario whose period is a calendar month, or a part of one
// from any instant of it to any other.
func drawMonth(t *rapid.T) scenario {
	s := scenario{plan: drawPlan(t, allKinds)}
	zone := rapid.SampledFrom(zones).Draw(t, "zone")
	s.period = pricing.NewMonth(2026, time.Month(rapid.IntRange(1, 36).Draw(t, "month")), zone)
	if rapid.Bool().Draw(t, "partial") {
		s.period.Start = s.period.Start.Add(drawSteps(t, "enter", s.period.Duration()))
		s.period.End = s.period.Start.Add(grid + drawSteps(t, "length", s.period.Duration()))
	}
	s.usage = drawUsage(t, s.period)
	return s
}

// openCharge is what a statement asks for beside what only the end of a month
// decides.
func openCharge(st pricing.Statement) invoq.Decimal {
	var sum invoq.Decimal
	for _, l := range st.Lines {
		switch l.Kind {
		case invoq.LineFee, invoq.LineMinimum, invoq.LineUnused:
		default:
			sum = sum.Add(l.Exact)
		}
	}
	return sum
}

func mustRun(t *rapid.T, s scenario) *pricing.Running {
	t.Helper()
	sheet, err := pricing.Compile(s.plan)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sheet.Running(s.period)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// addAll adds the items one by one and returns what they add up to.
func addAll(t *rapid.T, r *pricing.Running, usage []pricing.Item) invoq.Decimal {
	t.Helper()
	var sum invoq.Decimal
	for _, item := range usage {
		added, err := r.Add(item)
		if err != nil {
			t.Fatal(err)
		}
		sum = sum.Add(added.Amount)
	}
	return sum
}

// TestPropertyMarginal: what items add, one after the other and in any order,
// is what the month comes to.
func TestPropertyMarginal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawMonth(t)
		want := openCharge(mustPrice(t, s.plan, s.period, s.usage))
		r := mustRun(t, s)
		if got := addAll(t, r, s.usage); !got.Equal(want) || !r.Exact().Equal(want) {
			t.Fatalf("items add %s, the month says %s, its bill %s", got, r.Exact(), want)
		}
		shuffled := rapid.Permutation(s.usage).Draw(t, "order")
		if got := addAll(t, mustRun(t, s), shuffled); !got.Equal(want) {
			t.Fatalf("in another order items add %s, the bill is %s", got, want)
		}
	})
}

// TestPropertyMarginalUnpriced: what is said to have no price is what the bill
// says has none.
func TestPropertyMarginalUnpriced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawMonth(t)
		want := map[pricing.Unpriced]string{}
		for _, u := range mustPrice(t, s.plan, s.period, s.usage).Unpriced {
			want[pricing.Unpriced{Meter: u.Meter, Reason: u.Reason}] = u.Quantity.String()
		}
		sums := map[pricing.Unpriced]invoq.Decimal{}
		r := mustRun(t, s)
		for _, item := range s.usage {
			added, err := r.Add(item)
			if err != nil {
				t.Fatal(err)
			}
			if added.Unpriced == "" || item.Start.Before(s.period.Start) {
				continue
			}
			if !added.Amount.IsZero() {
				t.Fatalf("%+v adds %s without a price", item, added.Amount)
			}
			key := pricing.Unpriced{Meter: item.Meter, Reason: added.Unpriced}
			sums[key] = sums[key].Add(item.Quantity)
		}
		got := map[pricing.Unpriced]string{}
		for key, quantity := range sums {
			if !quantity.IsZero() {
				got[key] = quantity.String()
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("unpriced are %v, the bill says %v", got, want)
		}
	})
}

// TestPropertyMarginalSplit: an item in two pieces adds what it adds in one;
// taken back it adds the opposite, and nothing is left of it.
func TestPropertyMarginalSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawMonth(t)
		if len(s.usage) == 0 {
			return
		}
		item := s.usage[0]
		item.Calls, item.Cost = nil, nil
		r := mustRun(t, s)
		addAll(t, r, s.usage[1:])
		left, whole := r.Clone(), r.Clone()
		piece, rest := item, item
		piece.Quantity = drawQuantity(t)
		rest.Quantity = item.Quantity.Sub(piece.Quantity)
		one, two := addAll(t, whole, []pricing.Item{item}), addAll(t, left, []pricing.Item{piece, rest})
		if !one.Equal(two) {
			t.Fatalf("whole it adds %s, in two pieces %s", one, two)
		}
		item.Quantity = item.Quantity.Neg()
		if back := addAll(t, whole, []pricing.Item{item}); !back.Add(one).IsZero() {
			t.Fatalf("added %s and took back %s", one, back)
		}
		if !whole.Exact().Equal(r.Exact()) {
			t.Fatalf("%s are left, there were %s", whole.Exact(), r.Exact())
		}
	})
}

// TestPropertyMarginalFromSums: a month that begins with the sums of earlier
// items goes on as one that was given the items.
func TestPropertyMarginalFromSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawMonth(t)
		cut := rapid.IntRange(0, len(s.usage)).Draw(t, "cut")
		byItems, bySums := mustRun(t, s), mustRun(t, s)
		addAll(t, byItems, s.usage[:cut])
		if err := bySums.Fill(summed(s.usage[:cut])); err != nil {
			t.Fatal(err)
		}
		if !byItems.Exact().Equal(bySums.Exact()) {
			t.Fatalf("items come to %s, sums to %s", byItems.Exact(), bySums.Exact())
		}
		a, b := addAll(t, byItems, s.usage[cut:]), addAll(t, bySums, s.usage[cut:])
		if !a.Equal(b) {
			t.Fatalf("after items the rest adds %s, after sums %s", a, b)
		}
	})
}

// summed adds up items of one source, meter and instant whose costs are known
// alike; items with calls are left as they are.
func summed(usage []pricing.Item) []pricing.Item {
	type key struct {
		source *pricing.Source
		meter  invoq.Meter
		start  int64
		costed bool
	}
	at := map[key]int{}
	var all []pricing.Item
	for _, item := range usage {
		k := key{item.Source, item.Meter, item.Start.Unix(), item.Cost != nil}
		i, seen := at[k]
		if !seen || item.Calls != nil {
			if item.Calls == nil {
				at[k] = len(all)
			}
			all = append(all, item)
			continue
		}
		all[i].Quantity = all[i].Quantity.Add(item.Quantity)
		if item.Cost != nil {
			cost := all[i].Cost.Add(*item.Cost)
			all[i].Cost = &cost
		}
	}
	return all
}

// TestPropertyMarginalContinues: where the version of a plan changes within a
// month, each item adds to the part it is in and changes the parts after it.
func TestPropertyMarginalContinues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := drawMonth(t)
		first.period = pricing.MonthOf(first.period.Start, first.period.Zone)
		first.usage = drawUsage(t, first.period)
		second := scenario{plan: drawPlan(t, allKinds), period: first.period}
		cut := first.period.Start.Add(grid + drawSteps(t, "cut", first.period.Duration()-grid))
		first.period.End, second.period.Start = cut, cut
		usage := rapid.Permutation(first.usage).Draw(t, "order")
		a, b := mustRun(t, first), mustRun(t, second)
		for _, item := range usage {
			if item.Start.Before(cut) {
				addAll(t, a, []pricing.Item{item})
			}
			addAll(t, b, []pricing.Item{item})
		}
		want := openCharge(mustPrice(t, first.plan, first.period, between(usage, first.period))).
			Add(openCharge(mustPrice(t, second.plan, second.period, usage)))
		if got := a.Exact().Add(b.Exact()); !got.Equal(want) {
			t.Fatalf("the parts come to %s, their bill to %s", got, want)
		}
	})
}

// TestPropertyAdditive: in a plan that says so, what came before makes no
// difference to what an item adds, not even that nothing was there to take back.
func TestPropertyAdditive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawMonth(t)
		sheet, err := pricing.Compile(s.plan)
		if err != nil {
			t.Fatal(err)
		}
		if !sheet.Additive() || len(s.usage) == 0 {
			return
		}
		filled, empty := mustRun(t, s), mustRun(t, s)
		addAll(t, filled, s.usage[1:])
		item := s.usage[:1]
		item[0].Quantity = item[0].Quantity.Neg()
		if a, b := addAll(t, filled, item), addAll(t, empty, item); !a.Equal(b) {
			t.Fatalf("after other usage it adds %s, alone %s", a, b)
		}
	})
}

func TestRunningRefuses(t *testing.T) {
	sheet, err := pricing.Compile(invoq.Plan{Name: "p", Currency: "USD", Rates: benchRates()})
	if err != nil {
		t.Fatal(err)
	}
	month := pricing.NewMonth(2026, time.March, time.UTC)
	two := month
	two.End = two.End.Add(time.Hour)
	if _, err := sheet.Running(two); invoq.KindOf(err) != invoq.KindUnprocessable {
		t.Errorf("a period of two months: %v", err)
	}
	r, err := sheet.Running(month)
	if err != nil {
		t.Fatal(err)
	}
	item := pricing.Item{Meter: invoq.ColdStarts, Quantity: invoq.NewDecimal(1, 0)}
	for _, at := range []time.Time{month.Start.Add(-1), month.End} {
		item.Start = at
		if _, err := r.Add(item); invoq.KindOf(err) != invoq.KindUnprocessable {
			t.Errorf("an item at %s: %v", at, err)
		}
	}
	if !r.Exact().IsZero() {
		t.Errorf("what was refused is charged %s", r.Exact())
	}
}

// A volume tier that is reached makes the units before it cheaper: the item
// that reaches it adds less than nothing.
func TestRunningVolume(t *testing.T) {
	price := invoq.MustDecimal
	sheet, err := pricing.Compile(invoq.Plan{Name: "p", Currency: "USD", Rates: []invoq.Rate{{
		Meter: invoq.Invocations, Kind: invoq.RateVolume,
		Tiers: []invoq.Tier{{UpTo: price("100"), Price: price("1")}, {From: price("100"), Price: price("0.5")}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	month := pricing.NewMonth(2026, time.March, time.UTC)
	r, err := sheet.Running(month)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, quantity := range []string{"60", "40", "1", "1", "-2"} {
		item := pricing.Item{Meter: invoq.Invocations, Quantity: price(quantity)}
		item.Start = month.Start
		added, err := r.Add(item)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, added.Amount.String())
	}
	// 60 × 1; 100 − 60; 101 × 0.5 − 100; 0.5; 100 − 102 × 0.5.
	if want := []string{"60", "40", "-49.5", "0.5", "49"}; !slices.Equal(got, want) {
		t.Errorf("items add %v, want %v", got, want)
	}
}
