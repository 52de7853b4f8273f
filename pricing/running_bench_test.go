package pricing_test

import (
	"slices"
	"testing"
	"time"

	"invoq"
	"invoq/pricing"
)

// BenchmarkRunning adds items to a month, over and over: what they cost must
// not grow with how many there were.
func BenchmarkRunning(b *testing.B) {
	price := invoq.MustDecimal
	for _, c := range []struct {
		name  string
		rates []invoq.Rate
	}{
		{"per_unit", []invoq.Rate{{Meter: invoq.MBMs, Price: price("0.0000166667"), Per: price("1024000")}}},
		{"free_tier", benchRates()[2:3]},
		{"graduated", withTiers(benchRates())[2:3]},
		{"time_of_day", withWindows(benchRates())},
	} {
		b.Run("plan="+c.name, func(b *testing.B) {
			sheet, err := pricing.Compile(invoq.Plan{Name: "bench", Currency: "USD", Rates: c.rates})
			if err != nil {
				b.Fatal(err)
			}
			period := pricing.NewMonth(2026, time.January, time.UTC)
			usage := slices.DeleteFunc(benchUsage(period, 10),
				func(i pricing.Item) bool { return i.Meter != c.rates[0].Meter })
			r, err := sheet.Running(period)
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Add(usage[n%len(usage)]); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}
