package pricing_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/pricing"
)

// The money properties. Each runs a hundred cases by default and prints the
// seed of a failure; the long run, 100,000 cases each:
//
//	go test ./pricing -run TestProperty -rapid.checks=100000 -timeout 0

func mustPrice(t *rapid.T, plan invoq.Plan, p pricing.Period, usage []pricing.Item) pricing.Statement {
	st, err := pricing.Price(plan, p, usage)
	if err != nil {
		t.Fatalf("price: %v", err)
	}
	return st
}

func asJSON(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// between returns the usage that a period needs.
func between(usage []pricing.Item, p pricing.Period) []pricing.Item {
	from := p.UsageFrom()
	return slices.DeleteFunc(slices.Clone(usage), func(i pricing.Item) bool {
		return i.Start.Before(from) || !i.Start.Before(p.End)
	})
}

// TestPropertySplit: a period cut at any instant costs what its parts cost:
// the exact amounts add up to the last digit, the rounded ones within half a
// minor unit a line. (Allocate takes that away: TestPropertyAllocate.)
func TestPropertySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		whole := mustPrice(t, s.plan, s.period, s.usage)
		first, second := s.period, s.period
		if s.period.Duration() > grid {
			first.End = s.period.Start.Add(grid + drawSteps(t, "cut", s.period.Duration()-grid))
			second.Start = first.End
		} else {
			second.Start = second.End
		}
		parts := mustPrice(t, s.plan, first, between(s.usage, first)).Lines
		if second.Start.Before(second.End) {
			parts = append(parts, mustPrice(t, s.plan, second, between(s.usage, second)).Lines...)
		}
		digits, _ := pricing.Digits(s.plan.Currency)
		want, got := sumsOf(whole.Lines), sumsOf(parts)
		for key, w := range want {
			g := got[key]
			if g.exact.Cmp(w.exact) != 0 || g.free.Cmp(w.free) != 0 || g.quantity.Cmp(w.quantity) != 0 {
				t.Fatalf("%v: the parts are %+v, the whole is %+v", key, g, w)
			}
			if off := g.amount.Sub(w.amount).Scale(digits); off.Add(off).Max(off.Neg().Sub(off)).Cmp(g.lines.Add(w.lines)) > 0 {
				t.Fatalf("%v: rounded parts are off by %s minor units", key, off)
			}
			delete(got, key)
		}
		for key, g := range got {
			if !g.exact.IsZero() {
				t.Fatalf("%v: the parts are %+v, the whole has none", key, g)
			}
		}
	})
}

// ofRate names a rate in a month. The kinds of its lines differ with the cut:
// what a part reprices, the whole prices at once.
type ofRate struct{ month, rate string }

type sums struct{ quantity, free, exact, amount, lines invoq.Decimal }

func sumsOf(lines []invoq.BillLine) map[ofRate]sums {
	all := map[ofRate]sums{}
	for _, l := range lines {
		key := ofRate{l.Month, l.Rate}
		s := all[key]
		all[key] = sums{s.quantity.Add(l.Quantity), s.free.Add(l.Free), s.exact.Add(l.Exact),
			s.amount.Add(l.Amount), s.lines.Add(invoq.NewDecimal(1, 0))}
	}
	return all
}

// TestPropertyFreeOnce: whatever the cuts, a month's free units are used once,
// as far as there is usage for them.
func TestPropertyFreeOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		used := map[string]sums{}
		month := s.period
		month.Start = month.UsageFrom()
		month.End = pricing.NewMonth(month.Start.Add(240*time.Hour).In(month.Zone).Year(),
			month.Start.Add(240*time.Hour).In(month.Zone).Month(), month.Zone).End
		for at := month.Start; at.Before(month.End); {
			part := month
			part.Start = at
			if part.End.Sub(at) > 2*grid {
				part.End = at.Add(grid + drawSteps(t, "cut", part.End.Sub(at)-grid))
			}
			for _, l := range mustPrice(t, s.plan, part, between(s.usage, part)).Lines {
				if l.Kind == invoq.LineUnused {
					continue
				}
				u := used[l.Rate]
				u.free, u.quantity = u.free.Add(l.Free), u.quantity.Add(l.Quantity)
				used[l.Rate] = u
			}
			at = part.End
		}
		for _, r := range s.plan.Rates {
			u := used[r.Label()]
			if r.FreePool == "" && r.Kind != invoq.RateFlat && u.quantity.Sign() > 0 &&
				u.free.Cmp(u.quantity.Min(r.FreePerMonth)) != 0 {
				t.Fatalf("rate %q: %s of %s units were free, %s a month are",
					r.Label(), u.free, u.quantity, r.FreePerMonth)
			}
		}
	})
}

// TestPropertyLines: lines add up to the totals, only a reprice is negative and
// only where the period begins inside a month, so that a whole month never is;
// steps make the list price, and each line is rounded once, half up.
func TestPropertyLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		st := mustPrice(t, s.plan, s.period, s.usage)
		digits, _ := pricing.Digits(s.plan.Currency)
		var total, exact invoq.Decimal
		for _, l := range st.Lines {
			total, exact = total.Add(l.Amount), exact.Add(l.Exact)
			if l.Exact.Sign() < 0 && l.Kind != invoq.LineReprice {
				t.Fatalf("a negative line: %+v", l)
			}
			if l.Kind == invoq.LineReprice && (l.Month != st.Lines[0].Month || s.period.Start.Equal(s.period.UsageFrom())) {
				t.Fatalf("nothing of %s was priced before: %+v", l.Month, l)
			}
			checkLine(t, l, digits)
		}
		if total.Cmp(st.Total) != 0 || exact.Cmp(st.Exact) != 0 {
			t.Fatalf("lines make %s, exact %s; the statement says %s, %s", total, exact, st.Total, st.Exact)
		}
	})
}

func checkLine(t *rapid.T, l invoq.BillLine, digits int32) {
	half := invoq.NewDecimal(5, -digits-1)
	if l.Amount.Places() > digits {
		t.Fatalf("amount %s has more than %d places", l.Amount, digits)
	}
	off := l.Amount.Sub(l.Exact)
	if l.Exact.Sign() < 0 {
		off = off.Neg()
	}
	// Half up: at most half a unit up, less than half a unit down.
	if off.Cmp(half) > 0 || off.Neg().Cmp(half) >= 0 {
		t.Fatalf("%s is rounded to %s", l.Exact, l.Amount)
	}
	if l.Quantity.Sub(l.Free).Cmp(l.Billable) != 0 {
		t.Fatalf("%s less %s free is not %s", l.Quantity, l.Free, l.Billable)
	}
	if l.List.Sub(l.List.Mul(l.Off)).Cmp(l.Exact) != 0 {
		t.Fatalf("list %s less %s is not %s", l.List, l.Off, l.Exact)
	}
	var steps, inputs invoq.Decimal
	for _, step := range l.Steps {
		steps = steps.Add(step.Amount)
	}
	if steps.Cmp(l.List) != 0 {
		t.Fatalf("steps make %s, the list price is %s", steps, l.List)
	}
	for _, in := range l.Inputs {
		inputs = inputs.Add(in.Quantity)
	}
	if l.Kind == invoq.LineUsage && l.Model != invoq.RateReserved && inputs.Cmp(l.Quantity) != 0 {
		t.Fatalf("inputs make %s, the line has %s", inputs, l.Quantity)
	}
}

// TestPropertyBatches: the order of the usage, how it is batched and how its
// sources are shared change no byte; running again changes none either.
func TestPropertyBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		want := asJSON(t, mustPrice(t, s.plan, s.period, s.usage))
		if again := asJSON(t, mustPrice(t, s.plan, s.period, s.usage)); again != want {
			t.Fatalf("run again (-first +again):\n%s", cmp.Diff(want, again))
		}
		if other := asJSON(t, mustPrice(t, s.plan, s.period, rebatch(t, s.usage))); other != want {
			t.Fatalf("in other batches (-want +got):\n%s", cmp.Diff(want, other))
		}
	})
}

// rebatch shuffles the items and cuts each into parts with sources of their
// own: their quantities, what they cost and how many calls they were add up.
func rebatch(t *rapid.T, usage []pricing.Item) []pricing.Item {
	var all []pricing.Item
	for _, item := range usage {
		if item.Source != nil {
			source := *item.Source
			source.Tags = maps.Clone(source.Tags)
			item.Source = &source
		}
		rest := item
		for range rapid.IntRange(0, 3).Draw(t, "parts") {
			part := rest
			share := invoq.NewDecimal(rapid.Int64Range(0, 100).Draw(t, "share"), -2)
			part.Quantity, rest.Quantity = cut(rest.Quantity, share)
			if rest.Cost != nil {
				a, b := cut(*rest.Cost, share)
				part.Cost, rest.Cost = &a, &b
			}
			if rest.Calls != nil {
				a, b := *rest.Calls, *rest.Calls
				a.Count, b.Count = cut(a.Count, share)
				part.Calls, rest.Calls = &a, &b
			}
			all = append(all, part)
		}
		all = append(all, rest)
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func cut(d, share invoq.Decimal) (part, rest invoq.Decimal) {
	part = d.Mul(share)
	return part, d.Sub(part)
}

// monotone are the kinds for which more usage never costs less. A volume
// price and a volume discount fall for all units at a bound, by definition.
var monotone = []invoq.RateKind{"", invoq.RatePackage, invoq.RateGraduated, invoq.RateTimeOfDay,
	invoq.RateReserved, invoq.RateFree, invoq.RateMarkup, invoq.RateSubsidized}

// TestPropertyMonotone: more usage never costs less.
func TestPropertyMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPeriod(t)
		plan := drawPlan(t, monotone)
		for i := range plan.Rates {
			plan.Rates[i].Discounts = nil
			if plan.Rates[i].Kind == invoq.RateTimeOfDay {
				plan.Rates[i].FreePerMonth = invoq.Decimal{} // Earlier usage may push free units to cheap hours.
			}
		}
		usage := drawUsage(t, p)
		n := rapid.IntRange(0, len(usage)).Draw(t, "fewer")
		whole := p
		whole.Start = p.UsageFrom() // Usage before the period may make it cheaper: it fills tiers.
		less, more := mustPrice(t, plan, whole, usage[:n]), mustPrice(t, plan, whole, usage)
		if less.Exact.Cmp(more.Exact) > 0 {
			t.Fatalf("%d items cost %s, %d cost %s", n, less.Exact, len(usage), more.Exact)
		}
	})
}

// TestPropertyScale: quantities and what a price buys, both × 10^k, change no
// amount.
func TestPropertyScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		for i := range s.plan.Rates {
			s.plan.Rates[i].Round = invoq.Rounding{}
		}
		power := rapid.Int32Range(-6, 6).Draw(t, "power")
		plan := s.plan
		plan.Rates = slices.Clone(plan.Rates)
		for i := range plan.Rates {
			scaleRate(&plan.Rates[i], power)
		}
		usage := slices.Clone(s.usage)
		for i := range usage {
			usage[i].Quantity = usage[i].Quantity.Scale(power)
		}
		want, got := mustPrice(t, s.plan, s.period, s.usage), mustPrice(t, plan, s.period, usage)
		if len(want.Lines) != len(got.Lines) || want.Total.Cmp(got.Total) != 0 || want.Exact.Cmp(got.Exact) != 0 {
			t.Fatalf("at 10^%d: %s, exact %s; want %s, exact %s", power, got.Total, got.Exact, want.Total, want.Exact)
		}
	})
}

func scaleRate(r *invoq.Rate, power int32) {
	if r.Kind == invoq.RateFlat || !r.Factor.IsZero() || r.Kind == invoq.RateFree || r.Kind == invoq.RateFixed {
		return
	}
	r.Per = r.Units().Scale(power)
	r.FreePerMonth, r.Committed = r.FreePerMonth.Scale(power), r.Committed.Scale(power)
	r.Tiers, r.Discounts = slices.Clone(r.Tiers), slices.Clone(r.Discounts)
	for i := range r.Tiers {
		r.Tiers[i].From, r.Tiers[i].UpTo = r.Tiers[i].From.Scale(power), r.Tiers[i].UpTo.Scale(power)
	}
	for i := range r.Discounts {
		r.Discounts[i].Above = r.Discounts[i].Above.Scale(power)
	}
}
