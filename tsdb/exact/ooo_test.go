package exact_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

// Series whose every sample came late, behind those of other series, are
// counted like any other.
func TestComputeLateSeries(t *testing.T) {
	s := tsdbtest.Open(t)
	tsdbtest.Load(t, s, "acme", 15*time.Second, `
		8h f_requests_total{service="f",pod="a"} 1 2`)
	tsdbtest.Load(t, s, "late", 15*time.Second, `
		15s g_requests_total{service="g",pod="a"} 7 9 12`)
	got := compute(t, s, 1, func(r *exact.Request) {
		r.Watched = map[invoq.TenantName]int64{"late": 1}
	})
	want := []string{"12:00 late/g default invocations=12"}
	if diff := cmp.Diff(want, lines(got.Rows)); diff != "" {
		t.Error("rows (-want +got):\n" + diff)
	}
}
