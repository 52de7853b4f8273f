package pricing_test

import (
	"fmt"
	"testing"
	"time"

	"invoq"
	"invoq/pricing"
)

// BenchmarkPrice prices a month of hourly usage of 10 services and 4 meters:
// 29,760 items a bill, in order of time. Baseline: testdata/bench.txt.
func BenchmarkPrice(b *testing.B) {
	for _, c := range []struct {
		name  string
		rates []invoq.Rate
	}{
		{"per_unit", benchRates()},
		{"graduated", withTiers(benchRates())},
		{"time_of_day", withWindows(benchRates())},
	} {
		b.Run("plan="+c.name, func(b *testing.B) {
			plan := invoq.Plan{Name: "bench", Currency: "USD", Rates: c.rates}
			period := pricing.NewMonth(2026, time.January, time.UTC)
			benchmarkPrice(b, plan, period, benchUsage(period, 10))
		})
	}
}

func benchmarkPrice(b *testing.B, plan invoq.Plan, period pricing.Period, usage []pricing.Item) {
	sheet, err := pricing.Compile(plan)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sheet.Price(period, usage); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bills/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(usage)), "ns/item")
}

func benchRates() []invoq.Rate {
	price := invoq.MustDecimal
	return []invoq.Rate{
		{Meter: invoq.Invocations, Price: price("0.20"), Per: price("1000000"), FreePerMonth: price("1000000")},
		{Meter: invoq.DurationMs, Price: price("0.01"), Per: price("1000000")},
		{Meter: invoq.MBMs, Price: price("0.0000166667"), Per: price("1024000"), FreePerMonth: price("409600000000")},
		{Meter: invoq.ColdStarts, Price: price("0.0001")},
	}
}

func withTiers(rates []invoq.Rate) []invoq.Rate {
	price := invoq.MustDecimal
	rates[2].Kind, rates[2].Price = invoq.RateGraduated, invoq.Decimal{}
	rates[2].Tiers = []invoq.Tier{
		{UpTo: price("6144000000000000"), Price: price("0.0000166667")},
		{From: price("6144000000000000"), UpTo: price("15360000000000000"), Price: price("0.0000150000")},
		{From: price("15360000000000000"), Price: price("0.0000133334")},
	}
	return rates
}

func withWindows(rates []invoq.Rate) []invoq.Rate {
	rates[0].Kind = invoq.RateTimeOfDay
	rates[0].Windows = []invoq.PriceWindow{
		{Name: "night", From: "22:00", To: "06:00", Price: invoq.MustDecimal("0.10")},
	}
	return rates
}

// benchUsage is an hour after the other, each service with its four meters.
func benchUsage(period pricing.Period, services int) []pricing.Item {
	sources := make([]*pricing.Source, services)
	for i := range sources {
		sources[i] = &pricing.Source{Namespace: "prod", Service: fmt.Sprintf("service-%02d", i)}
	}
	meters := []invoq.Meter{invoq.Invocations, invoq.DurationMs, invoq.MBMs, invoq.ColdStarts}
	var usage []pricing.Item
	for at, n := period.Start, int64(1); at.Before(period.End); at = at.Add(time.Hour) {
		for _, source := range sources {
			for j, meter := range meters {
				n = n*6364136223846793005 + 1442695040888963407
				size := []int64{1000, 100_000_000, 100_000_000_000, 10}[j]
				usage = append(usage, pricing.Item{
					Interval: invoq.Interval{Start: at, End: at.Add(time.Hour)},
					Source:   source, Meter: meter,
					Quantity: invoq.NewDecimal((n>>1)&(1<<62-1)%size, []int32{0, -3, -3, 0}[j]),
				})
			}
		}
	}
	return usage
}
