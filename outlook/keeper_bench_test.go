package outlook_test

import (
	"fmt"
	"testing"
	"time"

	"invoq"
	"invoq/outlook"
)

// BenchmarkKeep stores the four predictions of a tenant with twelve weeks of
// usage.
func BenchmarkKeep(b *testing.B) {
	w := openWatch(b, linear...)
	w.use(now.AddDate(0, 0, -84), now, daily)
	keeper := w.keeper(0)
	slot := now
	b.ReportAllocs()
	for b.Loop() {
		done, err := keeper.Run(b.Context(), slot)
		if err != nil || done.Stored != len(outlook.Horizons()) {
			b.Fatalf("%+v, %v", done, err)
		}
		slot = slot.Add(time.Second)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tenants/s")
}

// BenchmarkPredict answers for 30 days and the month's end.
func BenchmarkPredict(b *testing.B) {
	w := openWatch(b, linear...)
	w.use(now.AddDate(0, 0, -84), now, daily)
	b.ReportAllocs()
	for b.Loop() {
		w.predict("30d", func(r *outlook.Request) { r.Budget = invoq.NewDecimal(10_000, 0) })
	}
}

// BenchmarkPredictServices answers for 30 days where the plan tells services
// apart, of which there are more than are forecast by themselves.
func BenchmarkPredictServices(b *testing.B) {
	gold := linear[0]
	gold.Name, gold.Where = "gold", invoq.Selector{Services: []string{"s00"}}
	w := openWatch(b, append([]invoq.Rate{gold}, linear...)...)
	w.use(now.AddDate(0, 0, -42), now, func(at time.Time) map[string]int64 {
		all := map[string]int64{}
		for i := range 25 {
			all[fmt.Sprintf("s%02d", i)] = int64(i+1) * daily(at)["waiter"]
		}
		return all
	})
	for b.Loop() {
		w.predict("30d", nil)
	}
}
