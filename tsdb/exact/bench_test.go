package exact_test

import (
	"fmt"
	"testing"
	"time"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/tsdb"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

// BenchmarkCompute counts one five-minute window of a fleet with fifteen
// minutes of samples, every 15 s, behind it.
func BenchmarkCompute(b *testing.B) {
	for _, series := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("series=%d", series), func(b *testing.B) {
			s := tsdbtest.Open(b)
			fill(b, s, series)
			start := tsdbtest.Start.Add(10 * time.Minute)
			req := exact.Request{
				Interval: invoq.Interval{Start: start, End: start.Add(5 * time.Minute)},
				Watched:  map[invoq.TenantName]int64{"acme": 1},
			}
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				res, err := exact.Compute(b.Context(), s, profiles, req)
				if err != nil || len(res.Rows) == 0 {
					b.Fatal(len(res.Rows), err)
				}
			}
			b.ReportMetric(float64(series)*float64(b.N)/b.Elapsed().Seconds(), "series·windows/s")
		})
	}
}

// fill stores the samples of pods with 20 series each.
func fill(b *testing.B, s *tsdb.Store, series int) {
	const rounds = 60
	for pod := range series / 20 {
		one := func(name, label, value string, rate float64) ingesttest.Series {
			out := ingesttest.Series{Labels: []string{
				"__name__", name, label, value, "job", "functions",
				"pod", fmt.Sprintf("fn-%05d", pod), "revision", "r1", "service", fmt.Sprintf("fn-%d", pod/5),
			}}
			for i := range rounds {
				at := tsdbtest.Start.Add(
					time.Duration(i)*15*time.Second + time.Duration(pod%15000)*time.Millisecond,
				)
				out.Samples = append(out.Samples, ingest.Sample{T: at.UnixMilli(), V: rate * float64(i)})
			}
			return out
		}
		var all []ingesttest.Series
		for _, code := range []string{"200", "404", "500"} {
			all = append(all, one("fn_requests_total", "code", code, 7))
		}
		for i := range 12 {
			all = append(
				all,
				one(
					"fn_request_duration_seconds_bucket",
					"le",
					fmt.Sprint(0.005*float64(int(1)<<i)),
					float64(i),
				),
			)
		}
		all = append(all,
			one("fn_request_duration_seconds_sum", "x", "y", 0.5),
			one("fn_request_duration_seconds_count", "x", "y", 21),
			one("fn_memory_usage_bytes", "x", "y", 1<<20),
			one("fn_cpu_seconds_total", "x", "y", 0.1),
			one("process_start_time_seconds", "x", "y", 0))
		tsdbtest.Write(b, s, "acme", all...)
	}
}
