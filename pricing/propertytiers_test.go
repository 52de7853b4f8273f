package pricing_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"invoq"
	"invoq/pricing"
)

// month2026 is a month to price single quantities in.
var month2026 = pricing.NewMonth(2026, time.May, time.UTC)

// charge returns the exact price of a month's quantity under one rate.
func charge(t *rapid.T, r invoq.Rate, quantity invoq.Decimal) invoq.Decimal {
	r.Meter = invoq.Invocations
	plan := invoq.Plan{Name: "one", Currency: "USD", Rates: []invoq.Rate{r}}
	st := mustPrice(t, plan, month2026, []pricing.Item{{
		Interval: invoq.Interval{Start: month2026.Start}, Meter: r.Meter, Quantity: quantity,
	}})
	return st.Exact
}

// TestPropertyTiers: graduated prices rise by the price of the unit's own
// tier, also at n−1, n and n+1 of a bound n, without a jump; volume prices are
// the quantity × the price of that tier, and the same as graduated ones in the
// first tier.
func TestPropertyTiers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tiers := drawTiers(t)
		graduated := invoq.Rate{Kind: invoq.RateGraduated, Tiers: tiers}
		volume := invoq.Rate{Kind: invoq.RateVolume, Tiers: tiers}
		one, small := invoq.NewDecimal(1, 0), invoq.NewDecimal(1, -12)
		i := rapid.IntRange(0, len(tiers)-1).Draw(t, "tier")
		n := tiers[i].From
		below := charge(t, graduated, n)
		above := charge(t, graduated, n.Add(one))
		if above.Sub(below).Cmp(tiers[i].Price) != 0 {
			t.Fatalf("unit %s costs %s, its tier says %s", n.Add(one), above.Sub(below), tiers[i].Price)
		}
		if step := charge(t, graduated, n.Add(small)).Sub(below); step.Cmp(tiers[i].Price.Mul(small)) != 0 {
			t.Fatalf("the charge jumps by %s at %s", step, n)
		}
		if i > 0 {
			if last := below.Sub(charge(t, graduated, n.Sub(one))); last.Cmp(tiers[i-1].Price) != 0 {
				t.Fatalf("unit %s costs %s, its tier says %s", n, last, tiers[i-1].Price)
			}
			if at := charge(t, volume, n); at.Cmp(n.Mul(tiers[i-1].Price)) != 0 {
				t.Fatalf("%s units at volume prices cost %s", n, at)
			}
		}
		if over := charge(t, volume, n.Add(small)); over.Cmp(n.Add(small).Mul(tiers[i].Price)) != 0 {
			t.Fatalf("%s units at volume prices cost %s", n.Add(small), over)
		}
		if i == 0 && charge(t, volume, one).Cmp(charge(t, graduated, one)) != 0 {
			t.Fatalf("the first unit costs otherwise at volume prices")
		}
	})
}

// TestPropertyProration: the whole of a month is the fee, and any parts make
// it, whatever part of a cent they are.
func TestPropertyProration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		month := pricing.NewMonth(2026, time.Month(rapid.IntRange(1, 48).Draw(t, "month")), zone)
		fee := invoq.Rate{Name: "fee", Kind: invoq.RateFlat, Price: drawPrice(t),
			Prorate: rapid.SampledFrom([]invoq.Proration{"", invoq.ProrateSecond, invoq.ProrateAdvance,
				invoq.ProrateArrears}).Draw(t, "prorate")}
		plan := invoq.Plan{Name: "fee", Currency: "USD", Rates: []invoq.Rate{fee}}
		if whole := mustPrice(t, plan, month, nil).Exact; whole.Cmp(fee.Price) != 0 {
			t.Fatalf("a whole month costs %s, the fee is %s", whole, fee.Price)
		}
		var sum invoq.Decimal
		for at := month.Start; at.Before(month.End); {
			part := month
			part.Start = at
			part.End = at.Add(time.Duration(1 + rapid.Int64Range(0, int64(month.End.Sub(at))-1).Draw(t, "part")))
			st := mustPrice(t, plan, part, nil)
			if st.Exact.Sign() < 0 {
				t.Fatalf("a part costs %s", st.Exact)
			}
			sum = sum.Add(st.Exact)
			at = part.End
		}
		if sum.Cmp(fee.Price) != 0 {
			t.Fatalf("the parts cost %s, the fee is %s", sum, fee.Price)
		}
	})
}

// TestPropertyAllocate: parts add up to the amount, each within a unit of its
// share, and equal weights differ by a unit at most, the first ones more.
func TestPropertyAllocate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.Int32Range(0, 3).Draw(t, "places")
		amount := invoq.NewDecimal(rapid.Int64Range(-1e9, 1e9).Draw(t, "units"), -places)
		weights := []invoq.Decimal{invoq.NewDecimal(rapid.Int64Range(1, 1e6).Draw(t, "weight"), -2)}
		for range rapid.IntRange(0, 10).Draw(t, "more") {
			weights = append(weights, invoq.NewDecimal(rapid.Int64Range(0, 1e6).Draw(t, "weight"), -2))
		}
		parts := pricing.Allocate(amount, weights, places)
		var sum, whole invoq.Decimal
		for i, part := range parts {
			sum, whole = sum.Add(part), whole.Add(weights[i])
			if part.Places() > places {
				t.Fatalf("part %s has more than %d places", part, places)
			}
		}
		if sum.Cmp(amount) != 0 || len(parts) != len(weights) {
			t.Fatalf("%v add up to %s, want %s", parts, sum, amount)
		}
		unit := invoq.NewDecimal(1, -places)
		for i, part := range parts {
			off := part.Mul(whole).Sub(amount.Mul(weights[i])) // × whole
			if off.Max(off.Neg()).Cmp(unit.Mul(whole)) >= 0 {
				t.Fatalf("part %d of %v is %s of %s", i, weights, part, amount)
			}
		}
	})
}

// TestPropertyLate: what a late item adds to a bill is the difference, line by
// line, between the bill with it and the bill without; with the bill that was
// issued it makes the bill that would have been.
func TestPropertyLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		late := drawUsage(t, s.period)
		issued := mustPrice(t, s.plan, s.period, s.usage)
		right := mustPrice(t, s.plan, s.period, append(append([]pricing.Item(nil), s.usage...), late...))
		total := issued.Total
		for _, d := range pricing.Differences(issued, right) {
			total = total.Add(d.Amount)
		}
		if total.Cmp(right.Total) != 0 {
			t.Fatalf("bill and adjustment make %s, on time it were %s", total, right.Total)
		}
	})
}
