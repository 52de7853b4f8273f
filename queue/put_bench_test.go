package queue

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkPut stores events, synced, from sixteen senders with nobody who
// drains them.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			q := openQueue(b, b.TempDir(), func(c *Config) { c.MaxBytes = 8 << 30 })
			batch := events(0, size)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var senders sync.WaitGroup
			for range 16 {
				senders.Go(func() {
					for left.Add(-1) >= 0 {
						if err := q.Put(b.Context(), batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			senders.Wait()
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
