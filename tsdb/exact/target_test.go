package exact_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

// 1772366400 is noon, when loaded series begin.

// What a process's start says holds for the counters of that process alone, and
// for as long as it runs.
func TestComputeStarts(t *testing.T) {
	f := func(name string, windows int, load string, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			s := tsdbtest.Open(t)
			tsdbtest.Load(t, s, "acme", 15*time.Second, load)
			watched := func(r *exact.Request) { r.Watched = map[invoq.TenantName]int64{"acme": 1} }
			got := lines(compute(t, s, windows, watched).Rows)
			got = slices.DeleteFunc(got, func(l string) bool { return !hasInvocations.MatchString(l) })
			for i := range got {
				got[i] = hasInvocations.FindString(got[i])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("rows (-want +got):\n" + diff)
			}
		})
	}
	f("the function restarts beside its proxy", 1, `
		15s process_start_time_seconds{namespace="n",pod="a",container="user",instance="1:8080"} 1772366000 1772366000 1772366440 1772366440
		15s revision_app_request_count{namespace_name="n",service_name="f",revision_name="r",pod_name="a",container_name="queue-proxy"} 10000 10010 10020 10030`,
		"12:00 acme/f r invocations=10030")
	f("another port of the pod restarts", 1, `
		15s process_start_time_seconds{namespace="n",pod="a",instance="1:8080",job="j"} 1772366000 1772366000 1772366440 1772366440
		15s f_requests_total{namespace="n",service="f",pod="a",instance="1:9091",job="k"} 10000 10010 10020 10030`,
		"12:00 acme/f default invocations=10030")
	f("the process restarts and outgrows what it had counted", 1, `
		15s process_start_time_seconds{pod="a",instance="1:8080",job="j"} 1772366000 1772366000 1772366440 1772366440
		15s f_requests_total{service="f",pod="a",instance="1:8080",job="j"} 10 20 30 40`,
		"12:00 acme/f default invocations=60")
	f("an old process is scraped for the first time", 1, `
		15s process_start_time_seconds{pod="a"} 1772280000 1772280000 1772280000
		15s f_requests_total{service="f",pod="a"} 1000000 1000002
		45s f_requests_total{service="f",pod="a",code="500"} 3`,
		"12:00 acme/f default invocations=5")
	// Eight hours hold more than the first read sees.
	f("a process falls silent and goes on", 97, `
		15s process_start_time_seconds{pod="a"} 1772366390
		8h  process_start_time_seconds{pod="a"} 1772366390 1772366390
		15s f_requests_total{service="f",pod="a"} 10
		8h  f_requests_total{service="f",pod="a"} 15 16`,
		"12:00 acme/f default invocations=10", "19:55 acme/f default invocations=5",
		"20:00 acme/f default invocations=1")
}

// A restart behind a long silence counts the same wherever the computation
// begins, although the process has outgrown what it had counted before.
func TestComputeRestartBehindSilence(t *testing.T) {
	s := tsdbtest.Open(t)
	tsdbtest.Load(t, s, "acme", 15*time.Second, `
		0s process_start_time_seconds{pod="a"} 1772366000
		25m process_start_time_seconds{pod="a"} 1772367000
		0s f_requests_total{service="f",pod="a"} 10
		25m f_requests_total{service="f",pod="a"} 15`)
	for _, begin := range []time.Duration{-5 * time.Minute, 0, 10 * time.Minute, 20 * time.Minute} {
		res, err := exact.Compute(t.Context(), s, profiles, exact.Request{
			Interval: invoq.Interval{Start: tsdbtest.Start.Add(begin), End: tsdbtest.Start.Add(30 * time.Minute)},
			Watched:  map[invoq.TenantName]int64{"acme": 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		last := res.Rows[len(res.Rows)-1]
		if got := last.Start.Format("15:04") + " " + last.Invocations.String(); got != "12:20 15" {
			t.Errorf("counted from %s on, the last window is %s, want 12:20 15", begin, got)
		}
	}
}
