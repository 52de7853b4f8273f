package ledger_test

import (
	"fmt"
	"testing"

	"invoq"
)

// BenchmarkPost posts new events to a real database: keys, rating, hashing,
// entries and commit, and a signed head for each batch.
func BenchmarkPost(b *testing.B) {
	for _, size := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
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
		})
	}
}
