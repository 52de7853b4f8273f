package tsdb

import (
	"fmt"
	"runtime"
	"syscall"
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
// the disk, synced before each acknowledgement, over 10,000 series. Requests
// are encoded beforehand: that is the sender's work. cpu-ns/sample is the
// processor time of the process, which neighbours disturb least.
func BenchmarkRemoteWrite(b *testing.B) {
	benchmarkProtocol(b, "", ingesttest.EncodeSnappy)
}

// BenchmarkRemoteWrite2 is the same by protocol 2.0.
func BenchmarkRemoteWrite2(b *testing.B) {
	benchmarkProtocol(b, ingesttest.ContentType2, ingesttest.EncodeSnappy2)
}

func benchmarkProtocol(b *testing.B, contentType string, encode func(...ingesttest.Series) []byte) {
	for _, writers := range []int{1, 4} {
		b.Run(fmt.Sprintf("series=10000/writers=%d", writers), func(b *testing.B) {
			benchmarkRemoteWrite(b, contentType, encodedRounds(encode, b.N), writers)
		})
	}
}

// perRequest is how many samples Prometheus sends at a time.
const perRequest = 2000

// encodedRounds returns n requests, five of which are one scrape of all series.
func encodedRounds(encode func(...ingesttest.Series) []byte, n int) [][]byte {
	series := fleet(10_000)
	var bodies [][]byte
	for round := 0; len(bodies) < n; round++ {
		for first := 0; first < len(series); first += perRequest {
			part := series[first : first+perRequest]
			for i := range part {
				part[i].Samples = []ingest.Sample{{T: at(15 * round), V: float64(round * (i + first))}}
			}
			bodies = append(bodies, encode(part...))
		}
	}
	return bodies[:n]
}

func benchmarkRemoteWrite(b *testing.B, contentType string, bodies [][]byte, writers int) {
	s := open(b, func(c *Config) { c.Ahead = 100_000 * time.Hour })
	r := ingest.NewReceiver(s.Writer(), ingest.DefaultLimits(), metrics.NewSet())
	next := make(chan []byte, len(bodies))
	for _, body := range bodies {
		next <- body
	}
	close(next)
	b.ReportAllocs()
	b.ResetTimer()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	used := processorTime(b)
	done := make(chan error, writers)
	for range writers {
		go func() {
			var failed error
			for body := range next {
				req := ingest.Request{ContentType: contentType, Body: body, Scope: ingest.Scope{Tenant: "acme"}}
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
	spent := processorTime(b) - used
	runtime.ReadMemStats(&after)
	samples := float64(perRequest * len(bodies))
	b.ReportMetric(float64(spent)/samples, "cpu-ns/sample")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/samples, "B/sample")
	b.ReportMetric(samples/b.Elapsed().Seconds(), "samples/s")
}

// processorTime returns how long this process has run on processors.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
