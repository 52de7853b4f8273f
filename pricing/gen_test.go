package pricing_test

import (
	"fmt"
	"strconv"
	"time"
	_ "time/tzdata" // the tests' zones, whatever the machine has

	"pgregory.net/rapid"

	"invoq"
	"invoq/pricing"
)

// scenario is a random plan, period and usage that fit each other: usage lies
// on a grid of 15 minutes, as do all boundaries of the zones in use.
type scenario struct {
	plan   invoq.Plan
	period pricing.Period
	usage  []pricing.Item
}

const grid = 15 * time.Minute

// zones have offsets of whole, half and quarter hours, from −11 to +14, with
// changes of the clocks by a whole and a half hour, at and across midnight.
var zones = locations("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu",
	"Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe", "America/Havana",
	"Africa/Casablanca", "America/Asuncion")

func locations(names ...string) []*time.Location {
	var all []*time.Location
	for _, name := range names {
		loc, err := time.LoadLocation(name)
		if err != nil {
			panic(err)
		}
		all = append(all, loc)
	}
	return all
}

func drawScenario(t *rapid.T) scenario {
	s := scenario{period: drawPeriod(t), plan: drawPlan(t, allKinds)}
	s.usage = drawUsage(t, s.period)
	return s
}

func drawPeriod(t *rapid.T) pricing.Period {
	zone := rapid.SampledFrom(zones).Draw(t, "zone")
	p := pricing.NewMonth(2026, time.Month(rapid.IntRange(1, 36).Draw(t, "month")), zone)
	if rapid.Bool().Draw(t, "partial") {
		p.Start = p.Start.Add(drawSteps(t, "enter", p.Duration()))
	}
	switch rapid.IntRange(0, 2).Draw(t, "end") {
	case 1:
		p.End = p.Start.Add(grid + drawSteps(t, "length", 60*24*time.Hour))
	case 2:
		p.End = pricing.NewMonth(2026, time.Month(rapid.IntRange(37, 38).Draw(t, "last")), zone).Start
		p.Start = pricing.NewMonth(2028, time.November, zone).Start.Add(drawSteps(t, "enter", 30*24*time.Hour))
	}
	return p
}

// drawSteps returns a multiple of the grid in [0, below).
func drawSteps(t *rapid.T, label string, below time.Duration) time.Duration {
	return time.Duration(rapid.IntRange(0, int(below/grid)-1).Draw(t, label)) * grid
}

var sources = []*pricing.Source{
	nil,
	{Service: "a", Namespace: "x"},
	{Service: "a", Namespace: "y", Tags: map[string]string{"spot": "true"}},
	{Service: "b", Namespace: "x", Revision: "b-1", Tags: map[string]string{"spot": "false"}},
	{Service: "b", Namespace: "x", Revision: "b-2"},
}

var meters = []invoq.Meter{invoq.Invocations, invoq.MBMs, invoq.CPUMs, invoq.AITokens}

func drawUsage(t *rapid.T, p pricing.Period) []pricing.Item {
	var usage []pricing.Item
	from := p.UsageFrom()
	for range rapid.IntRange(0, 25).Draw(t, "items") {
		item := pricing.Item{
			Source:   rapid.SampledFrom(sources).Draw(t, "source"),
			Meter:    rapid.SampledFrom(meters).Draw(t, "meter"),
			Quantity: drawQuantity(t),
		}
		item.Start = from.Add(drawSteps(t, "at", p.End.Sub(from)))
		item.End = rapid.SampledFrom([]time.Time{
			{}, item.Start, item.Start.Add(5 * time.Minute), item.Start.Add(grid),
		}).Draw(t, "until")
		if rapid.Bool().Draw(t, "cost known") {
			cost := invoq.NewDecimal(rapid.Int64Range(0, 1e6).Draw(t, "cost"), -5)
			item.Cost = &cost
		}
		if rapid.Bool().Draw(t, "calls known") {
			item.Calls = drawCalls(t)
		}
		usage = append(usage, item)
	}
	return usage
}

// drawQuantity draws mostly small numbers, and some that no machine integer
// holds.
func drawQuantity(t *rapid.T) invoq.Decimal {
	q := invoq.NewDecimal(rapid.Int64Range(0, 5000).Draw(t, "quantity"), rapid.Int32Range(-3, 1).Draw(t, "scale"))
	if rapid.IntRange(0, 9).Draw(t, "huge") == 0 {
		q = q.Add(invoq.NewDecimal(1<<62, 2))
	}
	return q
}

func drawCalls(t *rapid.T) *pricing.Calls {
	n := func(label string, most int64, scale int32) invoq.Decimal {
		return invoq.NewDecimal(rapid.Int64Range(0, most).Draw(t, label), scale)
	}
	return &pricing.Calls{
		Count: n("count", 1000, 0), DurationMs: n("duration", 50000, -2),
		MemoryMB: n("memory", 4000, -1), CPUs: n("cpus", 40, -1),
	}
}

var allKinds = []invoq.RateKind{"", invoq.RatePerUnit, invoq.RatePackage, invoq.RateGraduated,
	invoq.RateVolume, invoq.RateTimeOfDay, invoq.RateReserved, invoq.RateFree, invoq.RateFixed,
	invoq.RateMarkup, invoq.RateSubsidized}

// drawPlan draws a valid plan: for each meter rates that select some of it,
// then one that takes the rest, or none.
func drawPlan(t *rapid.T, kinds []invoq.RateKind) invoq.Plan {
	plan := invoq.Plan{Name: "random", Currency: rapid.SampledFrom(
		[]invoq.Currency{"USD", "JPY", "KWD", "RUB"}).Draw(t, "currency")}
	fees := rapid.IntRange(0, 2).Draw(t, "fees")
	for i := range fees {
		plan.Rates = append(plan.Rates, invoq.Rate{
			Name: "fee" + strconv.Itoa(i), Kind: invoq.RateFlat, Price: drawPrice(t),
			Prorate: rapid.SampledFrom([]invoq.Proration{"", invoq.ProrateDay, invoq.ProrateSecond,
				invoq.ProrateAdvance, invoq.ProrateArrears}).Draw(t, "prorate"),
		})
	}
	for i, m := range meters {
		count := rapid.IntRange(0, 2).Draw(t, "rates")
		for j := range count {
			r := drawRate(t, m, kinds, fees > 0)
			r.Name = fmt.Sprintf("rate%d-%d", i, j)
			if j < count-1 || rapid.Bool().Draw(t, "some") {
				r.Where = rapid.SampledFrom([]invoq.Selector{
					{Services: []string{"a"}}, {Namespaces: []string{"x", "z"}},
					{Tags: map[string]string{"spot": "true"}},
					{Services: []string{"b", "a"}, Namespaces: []string{"x"}},
				}).Draw(t, "where")
			}
			plan.Rates = append(plan.Rates, r)
		}
	}
	if len(plan.Rates) == 0 {
		plan.Rates = []invoq.Rate{{Meter: invoq.Invocations, Price: drawPrice(t)}}
	}
	sharePools(t, plan.Rates)
	if rapid.Bool().Draw(t, "plan minimum") {
		plan.MinimumPerMonth = drawPrice(t)
	}
	return plan
}

// sharePools lets two rates of a meter share their free units.
func sharePools(t *rapid.T, rates []invoq.Rate) {
	for i := range rates[1:] {
		a, b := &rates[i], &rates[i+1]
		if a.Meter != b.Meter || a.FreePerMonth.IsZero() || b.FreePerMonth.IsZero() ||
			a.Kind == invoq.RateTimeOfDay || b.Kind == invoq.RateTimeOfDay ||
			a.Kind == invoq.RateReserved || b.Kind == invoq.RateReserved {
			continue
		}
		if rapid.Bool().Draw(t, "pool") {
			a.FreePool, b.FreePool = string(a.Meter), string(a.Meter)
			b.FreePerMonth = a.FreePerMonth
		}
	}
}

func drawPrice(t *rapid.T) invoq.Decimal {
	return invoq.NewDecimal(rapid.Int64Range(0, 5000).Draw(t, "price"), rapid.Int32Range(-6, 0).Draw(t, "places"))
}

func drawRate(t *rapid.T, m invoq.Meter, kinds []invoq.RateKind, hasFee bool) invoq.Rate {
	r := invoq.Rate{Meter: m, Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
	switch r.Kind {
	case invoq.RateFree:
		return r
	case invoq.RateFixed:
		if !hasFee {
			r.Kind = invoq.RateFree
			return r
		}
		r.IncludedIn = "fee0"
		return r
	case invoq.RateMarkup:
		r.Factor = invoq.NewDecimal(rapid.Int64Range(100, 300).Draw(t, "factor"), -2)
	case invoq.RateSubsidized:
		r.Factor = invoq.NewDecimal(rapid.Int64Range(1, 99).Draw(t, "factor"), -2)
	default:
		drawUnits(t, &r)
	}
	if rapid.Bool().Draw(t, "minimum") {
		r.MinimumPerMonth = drawPrice(t)
	}
	return r
}

// drawUnits fills in what rates by the unit have.
func drawUnits(t *rapid.T, r *invoq.Rate) {
	r.Per = rapid.SampledFrom([]invoq.Decimal{{}, invoq.NewDecimal(1000, 0), invoq.NewDecimal(1024000, 0),
		invoq.NewDecimal(8, 0), invoq.NewDecimal(5, -1)}).Draw(t, "per")
	if rapid.Bool().Draw(t, "free") {
		r.FreePerMonth = invoq.NewDecimal(rapid.Int64Range(1, 9000).Draw(t, "free units"), 0)
	}
	if r.Meter != invoq.Invocations && r.Meter != invoq.AITokens && rapid.Bool().Draw(t, "round") {
		r.Round = drawRounding(t)
	}
	switch r.Kind {
	case invoq.RateGraduated, invoq.RateVolume:
		r.Tiers = drawTiers(t)
	case invoq.RateTimeOfDay:
		r.Windows = drawWindows(t)
		r.Price = drawPrice(t)
	case invoq.RateReserved:
		r.Price = drawPrice(t)
		r.Committed = invoq.NewDecimal(rapid.Int64Range(1, 9000).Draw(t, "committed"), 0)
		r.Overage = drawPrice(t).Add(invoq.NewDecimal(1, -6))
		return
	default:
		r.Price = drawPrice(t)
	}
	if rapid.Bool().Draw(t, "spot") {
		r.SpotOff = invoq.NewDecimal(rapid.Int64Range(1, 99).Draw(t, "off"), -2)
	}
	r.Discounts = drawDiscounts(t)
}

func drawRounding(t *rapid.T) invoq.Rounding {
	n := func(label string, of ...int64) invoq.Decimal {
		return invoq.NewDecimal(rapid.SampledFrom(of).Draw(t, label), 0)
	}
	r := invoq.Rounding{DurationStepMs: n("step", 0, 1, 100), DurationMinMs: n("least", 0, 100),
		MemoryStepMB: n("memory step", 0, 128), MemoryMinMB: n("least memory", 0, 128)}
	r.MemoryMaxMB = n("most memory", 0, 256)
	return r
}

func drawTiers(t *rapid.T) []invoq.Tier {
	var tiers []invoq.Tier
	var at invoq.Decimal
	for range rapid.IntRange(0, 3).Draw(t, "tiers") {
		end := at.Add(invoq.NewDecimal(rapid.Int64Range(1, 4000).Draw(t, "width"), 0))
		tiers = append(tiers, invoq.Tier{From: at, UpTo: end, Price: drawPrice(t)})
		at = end
	}
	return append(tiers, invoq.Tier{From: at, Price: drawPrice(t)})
}

// drawWindows draws from sets that do not overlap.
func drawWindows(t *rapid.T) []invoq.PriceWindow {
	sets := [][]invoq.PriceWindow{
		{{Name: "night", From: "22:00", To: "06:00"}},
		{{Name: "early", From: "00:00", To: "07:15"}, {Name: "late", From: "18:00", To: "24:00"}},
		{{Name: "saturday", Days: []string{"sat"}, From: "20:00", To: "08:00"},
			{Name: "week", Days: []string{"mon", "tue"}, From: "00:00", To: "24:00"}},
		{{Name: "always", From: "00:00", To: "24:00"}},
		{{Name: "noon to noon", Days: []string{"fri", "wed"}, From: "12:00", To: "12:00"}},
	}
	set := append([]invoq.PriceWindow(nil), rapid.SampledFrom(sets).Draw(t, "windows")...)
	for i := range set {
		set[i].Price = drawPrice(t)
	}
	return set
}

func drawDiscounts(t *rapid.T) []invoq.Discount {
	var all []invoq.Discount
	var last invoq.Discount
	for range rapid.IntRange(0, 2).Draw(t, "discounts") {
		last.Above = last.Above.Add(invoq.NewDecimal(rapid.Int64Range(1, 4000).Draw(t, "above"), 0))
		last.Off = last.Off.Add(invoq.NewDecimal(rapid.Int64Range(1, 50).Draw(t, "discount"), -2))
		all = append(all, last)
	}
	return all
}
