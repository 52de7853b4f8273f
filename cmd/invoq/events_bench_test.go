package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"invoq/internal/campaign"
)

// BenchmarkEvents sends events by HTTP and waits until all are in the book:
// parsed, judged, synced in the queue, posted, hashed and signed.
func BenchmarkEvents(b *testing.B) {
	s := start(b)
	from, entries := 0, 0
	for _, kind := range []struct {
		name    string
		batch   func(from, size int) []byte
		entries int // of each event
	}{{"resources", batchOf, 1}, {"functions", functionsOf, 3}} {
		b.Run("kind="+kind.name, func(b *testing.B) {
			started, before := time.Now(), cpuOf(b, s)
			taken := sendBatches(b, s, kind.batch, from, b.N, 1000)
			from += b.N * 1000
			entries += b.N * 1000 * kind.entries
			s.waitForEntries(entries)
			b.ReportMetric(float64(b.N)*1000/time.Since(started).Seconds(), "posted/s")
			before.report(b, cpuOf(b, s), b.N*1000)
			b.ReportMetric(float64(b.N)*1000/taken.Seconds(), "accepted/s")
		})
	}
}

// functionsOf returns a body of function events of about 250 bytes, of ten
// tenants with four functions each, a thousand a second.
func functionsOf(from, size int) []byte {
	var b bytes.Buffer
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour) // The same for a day.
	for n := from; n < from+size; n++ {
		b.WriteString(map[bool]string{true: "[", false: ","}[n == from])
		fmt.Fprintf(&b, `{"tenant_id":"tenant-%d","service_name":"f-%d","revision":"f-%d-00001",`+
			`"invocations":1,"duration_seconds":0.%03d,"memory_mb":64.5,"cold_start":false,`+
			`"labels":{"method":"GET","status":"200"},"request_id":"req-%012d","timestamp":%q}`,
			n%10, n/10%4, n/10%4, n%900+1, n, at.Add(time.Duration(n)*time.Millisecond).Format(time.RFC3339Nano))
	}
	b.WriteString("]")
	return b.Bytes()
}

// cpuTimes is the CPU time of a server and of its private database: what events
// cost whatever else the machine does.
type cpuTimes struct{ invoq, postgres time.Duration }

func cpuOf(b *testing.B, s *server) cpuTimes {
	b.Helper()
	own, below, err := campaign.CPU(s.cmd.Process.Pid)
	if err != nil {
		b.Logf("CPU time is not known here: %v", err)
	}
	return cpuTimes{own, below}
}

// report reports the CPU time since then for each of so many events.
func (c cpuTimes) report(b *testing.B, now cpuTimes, events int) {
	b.Helper()
	perEvent := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(events) }
	b.ReportMetric(perEvent(now.invoq-c.invoq), "invoq-µs/event")
	if now.postgres > c.postgres {
		b.ReportMetric(perEvent(now.postgres-c.postgres), "postgres-µs/event")
	}
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
			before := cpuOf(b, s)
			taken := sendEvents(b, s, from, b.N, size)
			before.report(b, cpuOf(b, s), b.N*size)
			from += b.N * size
			b.ReportMetric(float64(b.N*size)/taken.Seconds(), "accepted/s")
		})
	}
}
