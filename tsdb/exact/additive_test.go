package exact_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/tsdb"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

// However an hour is cut into runs, its windows are the same, and they add up
// to what the samples show from end to end.
func TestComputeIsAdditive(t *testing.T) {
	s := tsdbtest.Open(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		tenant := fmt.Sprintf("t%d", n)
		shown := int64(0)
		for pod := range rapid.IntRange(1, 4).Draw(rt, "pods") {
			shown += writePod(rt, t, s, tenant, pod)
		}
		run := func(cuts ...int) []invoq.Usage {
			var rows []invoq.Usage
			for i := 1; i < len(cuts); i++ {
				res, err := exact.Compute(t.Context(), s, profiles, exact.Request{
					Interval: invoq.Interval{
						Start: tsdbtest.Start.Add(time.Duration(cuts[i-1]) * 5 * time.Minute),
						End:   tsdbtest.Start.Add(time.Duration(cuts[i]) * 5 * time.Minute),
					},
					Tenants: []invoq.TenantName{invoq.TenantName(tenant)},
					Watched: map[invoq.TenantName]int64{invoq.TenantName(tenant): 1},
				})
				if err != nil {
					rt.Fatal(err)
				}
				rows = append(rows, res.Rows...)
			}
			return rows
		}
		// Gaps are estimates from the samples at hand; quantities are not.
		quantities := func(rows []invoq.Usage) []string {
			var all []string
			for _, r := range rows {
				if r.Quantities.IsZero() {
					continue
				}
				all = append(all, fmt.Sprint(r.Start.Format("15:04"), r.Revision, r.Quantities))
			}
			return all
		}
		whole := run(0, 12)
		cut := rapid.IntRange(1, 11).Draw(rt, "cut")
		if diff := cmp.Diff(quantities(whole), quantities(run(0, cut, 12))); diff != "" {
			rt.Fatalf("cut at %d (-whole +cut):\n%s", cut, diff)
		}
		var sum invoq.Decimal
		for _, r := range whole {
			sum = sum.Add(r.Invocations)
		}
		if want := invoq.NewDecimal(shown, 0); sum.Cmp(want) != 0 {
			rt.Fatalf("counted %s, samples show %s", sum, want)
		}
	})
}

// writePod stores an hour of one pod's counter with gaps and restarts, and
// returns what it shows to have been served.
func writePod(rt *rapid.T, t *testing.T, s *tsdb.Store, tenant string, pod int) int64 {
	var samples []ingest.Sample
	count, shown := int64(0), int64(0)
	for at := rapid.IntRange(1, 1800).Draw(rt, "first"); at <= 3600; {
		grown := rapid.Int64Range(0, 50).Draw(rt, "grown")
		if count > 50 && rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
			count = 0
		}
		count += grown
		shown += grown
		samples = append(samples, ingest.Sample{
			T: tsdbtest.Start.Add(time.Duration(at) * time.Second).UnixMilli(), V: float64(count),
		})
		at += rapid.SampledFrom([]int{15, 15, 15, 300, 1200}).Draw(rt, "pause")
	}
	tsdbtest.Write(t, s, tenant, ingesttest.Series{
		Labels:  []string{"__name__", "f_requests_total", "service", "f", "pod", fmt.Sprint(pod)},
		Samples: samples,
	})
	return shown
}
