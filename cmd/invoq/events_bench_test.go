package main

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkEvents sends events by HTTP and waits until all are in the book:
// parsed, judged, synced in the queue, posted, hashed and signed.
func BenchmarkEvents(b *testing.B) {
	s := start(b)
	from := 0
	b.Run("size=1000", func(b *testing.B) {
		started := time.Now()
		taken := sendEvents(b, s, from, b.N, 1000)
		from += b.N * 1000
		s.waitForEntries(from)
		b.ReportMetric(float64(b.N)*1000/time.Since(started).Seconds(), "posted/s")
		b.ReportMetric(float64(b.N)*1000/taken.Seconds(), "accepted/s")
	})
}

// BenchmarkEventsWithoutDatabase sends events while the database is down: they
// are acknowledged when they are on disk in the queue.
func BenchmarkEventsWithoutDatabase(b *testing.B) {
	pg := newOutside(b)
	s := start(b, "--database-url", pg.URL())
	sendEvents(b, s, 0, 1, 100) // The key is known from here on.
	s.waitForEntries(100)
	pg.down()
	defer pg.up()
	from := 100
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			taken := sendEvents(b, s, from, b.N, size)
			from += b.N * size
			b.ReportMetric(float64(b.N*size)/taken.Seconds(), "accepted/s")
		})
	}
}
