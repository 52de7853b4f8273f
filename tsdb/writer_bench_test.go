package tsdb

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// fleet returns the series of a fleet of function pods: counters by status, a
// histogram and gauges, with the labels a scrape adds.
func fleet(series int) []ingesttest.Series {
	all := make([]ingesttest.Series, 0, series)
	for pod := 0; len(all) < series; pod++ {
		base := []string{
			"instance", fmt.Sprintf("10.1.%d.%d:9091", pod/250, pod%250),
			"job", "functions", "method", "GET",
			"revision", fmt.Sprintf("checkout-%05d", pod%40),
			"service", fmt.Sprintf("checkout-%d", pod%40),
		}
		add := func(name string, extra ...string) {
			if len(all) < series {
				all = append(
					all,
					ingesttest.Series{Labels: append(append([]string{"__name__", name}, base...), extra...)},
				)
			}
		}
		for _, code := range []string{"200", "404", "500"} {
			add("function_requests_total", "status", code)
		}
		for _, le := range []string{"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"} {
			add("function_request_duration_seconds_bucket", "le", le)
		}
		add("function_request_duration_seconds_sum")
		add("function_request_duration_seconds_count")
		add("function_memory_usage_bytes")
		add("function_cpu_seconds_total")
		add("process_start_time_seconds")
	}
	return all
}

// BenchmarkRemoteWrite takes whole requests of 2,000 samples from the wire to
// the disk, synced before each acknowledgement, over 10,000 series.
func BenchmarkRemoteWrite(b *testing.B) {
	for _, writers := range []int{1, 4} {
		b.Run(fmt.Sprintf("series=10000/writers=%d", writers), func(b *testing.B) {
			benchmarkRemoteWrite(b, writers)
		})
	}
}

func benchmarkRemoteWrite(b *testing.B, writers int) {
	const perRequest = 2000
	series := fleet(10_000)
	s := open(b, func(c *Config) { c.Ahead = 1000 * time.Hour })
	r := ingest.NewReceiver(s.Writer(), ingest.DefaultLimits(), metrics.NewSet())
	rounds := b.N/(len(series)/perRequest) + 1
	// The requests are encoded beforehand: that is the sender's work.
	bodies := make(chan []byte, rounds*len(series)/perRequest)
	for round := range rounds {
		for first := 0; first < len(series); first += perRequest {
			part := series[first : first+perRequest]
			for i := range part {
				part[i].Samples = []ingest.Sample{{T: at(15 * round), V: float64(round * (i + first))}}
			}
			bodies <- ingesttest.EncodeSnappy(part...)
		}
	}
	close(bodies)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan error, writers)
	for range writers {
		go func() {
			var failed error
			for body := range bodies {
				req := ingest.Request{Body: body, Scope: ingest.Scope{Tenant: "acme"}}
				if _, err := r.RemoteWrite(b.Context(), req); err != nil {
					failed = err
				}
			}
			done <- failed
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	runtime.ReadMemStats(&after)
	samples := float64(rounds * len(series))
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/samples, "B/sample")
	b.ReportMetric(samples/b.Elapsed().Seconds(), "samples/s")
	b.ReportMetric(perRequest, "samples/op")
}
