package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"invoq"
)

// BenchmarkPost posts new events to a real database: keys, rating, hashing,
// entries and commit, and a signed head for each batch.
func BenchmarkPost(b *testing.B) {
	for _, size := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { benchmarkPost(b, size, event) })
	}
}

// BenchmarkPostFunctions does so with calls of functions, which also make
// windows: a thousand calls a second, or calls all over a month.
func BenchmarkPostFunctions(b *testing.B) {
	for name, apart := range map[string]time.Duration{"now": time.Millisecond, "month": 2611 * time.Second} {
		b.Run("calls="+name, func(b *testing.B) {
			benchmarkPost(b, 5000, func(n int) invoq.Event { return call(n, apart) })
		})
	}
}

// call returns the n-th call of one of forty functions, so long after the one
// before, within a month.
func call(n int, apart time.Duration) invoq.Event {
	e := event(n)
	service := fmt.Sprint("f-", n/3%40)
	durationMs := invoq.NewDecimal(int64(n%900+1), 0)
	e.Provider, e.Service, e.Revision = "", service, service+"-00001"
	e.Time = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).
		Add(time.Duration(n) * apart % (31 * 24 * time.Hour))
	e.Measures = []invoq.Measure{
		{Meter: invoq.Invocations, Quantity: invoq.NewDecimal(1, 0)},
		{Meter: invoq.DurationMs, Quantity: durationMs},
		{Meter: invoq.MBMs, Quantity: durationMs.Mul(invoq.MustDecimal("64.5"))},
	}
	return e
}

func benchmarkPost(b *testing.B, size int, event func(n int) invoq.Event) {
	s := newShelf(b)
	batch := make([]invoq.Event, size)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for i := range batch {
			batch[i] = event(n)
			n++
		}
		b.StartTimer()
		s.post(b, batch...)
		if err := s.SignHead(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
