package exact_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/tsdb"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

var profiles = exact.BuiltinProfiles()

// compute counts n five-minute windows from Start on; change may be nil.
func compute(t testing.TB, s *tsdb.Store, n int, change func(*exact.Request)) exact.Result {
	t.Helper()
	req := exact.Request{Interval: invoq.Interval{
		Start: tsdbtest.Start, End: tsdbtest.Start.Add(time.Duration(n) * 5 * time.Minute),
	}}
	if change != nil {
		change(&req)
	}
	res, err := exact.Compute(t.Context(), s, profiles, req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// lines shows rows, what is zero left out.
func lines(rows []invoq.Usage) []string {
	var all []string
	for _, r := range rows {
		line := fmt.Sprintf("%s %s/%s %s", r.Start.Format("15:04"), r.Tenant, r.Service, r.Revision)
		for _, m := range invoq.Meters() {
			if q := r.Of(m); !q.IsZero() {
				line += fmt.Sprintf(" %s=%s", m, q)
			}
		}
		if p50, ok := r.Latency.Quantile(0.5); ok {
			p95, _ := r.Latency.Quantile(0.95)
			line += fmt.Sprintf(" p50=%.4g p95=%.4g", p50, p95)
		}
		for name, d := range map[string]invoq.Decimal{"gap": r.GapSeconds} {
			if !d.IsZero() {
				line += fmt.Sprintf(" %s=%s", name, d)
			}
		}
		if !r.Assumed.IsZero() {
			line += " assumed=" + r.Assumed.String()
		}
		if !r.UnmeasuredMs.IsZero() {
			line += " unmeasured=" + r.UnmeasuredMs.String()
		}
		all = append(all, line)
	}
	return all
}

func TestCompute(t *testing.T) {
	// watched long ago: first samples are births, not first sights.
	watched := func(r *exact.Request) { r.Watched = map[invoq.TenantName]int64{"acme": 1} }
	f := func(name string, windows int, load string, change func(*exact.Request), want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			s := tsdbtest.Open(t)
			tsdbtest.Load(t, s, "acme", 15*time.Second, load)
			got := lines(compute(t, s, windows, change).Rows)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("rows (-want +got):\n" + diff)
			}
		})
	}
	f("first samples count", 1, `
		15s f_requests_total{service="f",pod="a"} 7 9 12
		15s f_requests_total{service="f",pod="b"} 5`, watched,
		"12:00 acme/f default invocations=17")
	f("newly watched: counted, and said so", 1, `
		15s f_requests_total{service="f",pod="a"} 7 9 12`, nil,
		"12:00 acme/f default invocations=12 assumed=7")
	f("newly watched, to be skipped", 1, `
		15s f_requests_total{service="f",pod="a"} 7 9 12`,
		func(r *exact.Request) { r.SkipFirstSight = true },
		"12:00 acme/f default invocations=5")
	f("a process older than the watch counts from its first sample", 1, `
		15s process_start_time_seconds{pod="a"} 1772280000 1772280000 1772280000
		15s f_requests_total{service="f",pod="a"} 1000000 1000002 1000005`, nil,
		"12:00 acme/f default invocations=5")
	f("a young process counts from zero", 1, `
		15s process_start_time_seconds{pod="a"} 1772366390 1772366390 1772366390
		15s f_requests_total{service="f",pod="a"} 300 302 305`, nil,
		"12:00 acme/f default invocations=305")
	f("resets", 1, `
		15s f_requests_total{service="f",pod="a"} 10 20 5 8 0 0 3`, watched,
		"12:00 acme/f default invocations=31")
	f("a restart that outgrew the old count", 1, `
		15s process_start_time_seconds{pod="a"} 1772366390 1772366390 1772366440 1772366440
		15s f_requests_total{service="f",pod="a"} 10 20 30 31`, watched,
		"12:00 acme/f default invocations=51")
	f("a clock step is not a restart", 1, `
		15s process_start_time_seconds{pod="a"} 1772366390 1772366390 1772366391 1772366389
		15s f_requests_total{service="f",pod="a"} 10 20 30 31`, watched,
		"12:00 acme/f default invocations=31")
	f("stale and back", 1, `
		15s f_requests_total{service="f",pod="a"} 10 20 stale _ 25 26`, watched,
		"12:00 acme/f default invocations=26 gap=30")
	f("a sample at the end of a window belongs to it", 2, `
		0s f_requests_total{service="f",pod="a"} 1
		5m f_requests_total{service="f",pod="a"} 5
		10m f_requests_total{service="f",pod="a"} 6`, watched,
		"12:00 acme/f default invocations=4",
		"12:05 acme/f default invocations=1")
	f("a gap longer than the first read reaches", 1, `
		-26h f_requests_total{service="f",pod="a"} 1000 1010
		15s f_requests_total{service="f",pod="a"} 1012 1015`, watched,
		"12:00 acme/f default invocations=5 gap=15")
	f("two prefixes count once", 1, `
		15s a_requests_total{service="f",pod="a"} 1 2
		15s b_requests_total{service="f",pod="a"} 1 2
		15s b_errors_total{service="f",pod="a"} 1 1
		15s promhttp_metric_handler_requests_total{service="f",pod="a"} 1 2`, watched,
		"12:00 acme/f default invocations=2 errors=1")
	f("errors by status when nothing counts them", 1, `
		15s a_requests_total{service="f",pod="a",code="200"} 1 2
		15s a_requests_total{service="f",pod="a",code="503"} 0 3`, watched,
		"12:00 acme/f default invocations=5 errors=3")
}

func TestComputeMeters(t *testing.T) {
	s := tsdbtest.Open(t)
	// Two pods. Memory is 64 MB, then 128: the second step is priced at 96.
	// 0.25 s + 0.5 s and 1 s of duration, a 0.5 s tail that ends with the pod.
	tsdbtest.Load(t, s, "acme", 15*time.Second, `
		15s w_requests_total{service="w",revision="w-1",pod="a"} 1 3 3
		15s w_request_duration_seconds_sum{service="w",revision="w-1",pod="a"} 0.25 0.75 0.75
		15s w_request_duration_seconds_bucket{service="w",revision="w-1",pod="a",le="0.25"} 1 3 3
		15s w_request_duration_seconds_bucket{service="w",revision="w-1",pod="a",le="1"} 1 3 3
		15s w_request_duration_seconds_bucket{service="w",revision="w-1",pod="a",le="+Inf"} 1 3 3
		15s w_memory_usage_bytes{service="w",revision="w-1",pod="a"} 67108864 134217728 134217728
		15s w_cpu_seconds_total{service="w",revision="w-1",pod="a"} 0.1 0.2 0.30000000000000004
		15s w_cold_starts_total{service="w",revision="w-1",pod="a"} 1 1 1
		15s w_errors_total{service="w",revision="w-1",pod="a"} 0 1 1
		30s w_requests_total{service="w",revision="w-2",pod="b"} 1 stale
		30s w_request_duration_seconds_sum{service="w",revision="w-2",pod="b"} 1 stale`)
	got := compute(t, s, 1, func(r *exact.Request) {
		r.Watched = map[invoq.TenantName]int64{"acme": 1}
	})
	want := []string{
		// 250 ms × 64 MB + 500 ms × 96 MB.
		"12:00 acme/w w-1 invocations=3 duration_ms=750 mb_ms=64000 cpu_ms=300 cold_starts=1 errors=1 p50=125 p95=237.5",
		"12:00 acme/w w-2 invocations=1 duration_ms=1000 gap=15 unmeasured=1000",
	}
	if diff := cmp.Diff(want, lines(got.Rows)); diff != "" {
		t.Error("rows (-want +got):\n" + diff)
	}
	source := got.Sources[invoq.ServiceKey{Tenant: "acme", Service: "w"}]
	if source != (exact.Source{Profile: "plain", Prefix: "w"}) {
		t.Errorf("source %v", source)
	}
}

// The names that the two generations of Knative emit, with memory and CPU from
// cAdvisor joined by pod.
func TestComputeKnative(t *testing.T) {
	f := func(name, load, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			s := tsdbtest.Open(t)
			tsdbtest.Load(t, s, "acme", 15*time.Second, load+`
				15s container_memory_working_set_bytes{namespace="prod",pod="waiter-00001-abc",container="user-container"} 67108864 67108864
				15s container_memory_working_set_bytes{namespace="prod",pod="waiter-00001-abc",container="queue-proxy"} 10000000 10000000
				15s container_memory_working_set_bytes{namespace="prod",pod="waiter-00001-abc",container=""} 77108864 77108864
				15s container_cpu_usage_seconds_total{namespace="prod",pod="waiter-00001-abc",container="user-container"} 0.5 0.75
				15s container_cpu_usage_seconds_total{namespace="other",pod="waiter-00001-abc",container="user-container"} 5 7`)
			res := compute(t, s, 1, func(r *exact.Request) {
				r.Watched = map[invoq.TenantName]int64{"acme": 1}
			})
			if diff := cmp.Diff([]string{want}, lines(res.Rows)); diff != "" {
				t.Error("rows (-want +got):\n" + diff)
			}
			if ns := res.Rows[0].Namespace; ns != "prod" {
				t.Errorf("namespace %q", ns)
			}
		})
	}
	const want = "12:00 acme/waiter waiter-00001 invocations=4 duration_ms=1500 mb_ms=96000 cpu_ms=750 cold_starts=1 errors=1 p50=%s"
	f("OpenCensus", `
		15s revision_app_request_count{namespace_name="prod",service_name="waiter",configuration_name="waiter",revision_name="waiter-00001",pod_name="waiter-00001-abc",container_name="queue-proxy",response_code="200",response_code_class="2xx"} 1 3
		15s revision_app_request_count{namespace_name="prod",service_name="waiter",configuration_name="waiter",revision_name="waiter-00001",pod_name="waiter-00001-abc",container_name="queue-proxy",response_code="500",response_code_class="5xx"} 0 1
		15s revision_app_request_latencies_sum{namespace_name="prod",service_name="waiter",revision_name="waiter-00001",pod_name="waiter-00001-abc",response_code="200"} 250 1500
		15s revision_app_request_latencies_bucket{namespace_name="prod",service_name="waiter",revision_name="waiter-00001",pod_name="waiter-00001-abc",response_code="200",le="500"} 1 4
		15s revision_app_request_latencies_bucket{namespace_name="prod",service_name="waiter",revision_name="waiter-00001",pod_name="waiter-00001-abc",response_code="200",le="+Inf"} 1 4
		15s revision_request_count{namespace_name="prod",service_name="waiter",revision_name="waiter-00001",pod_name="waiter-00001-abc",response_code="200"} 1 4`,
		fmt.Sprintf(want, "250 p95=475"))
	for generation, metric := range map[string]string{
		"1.19": "kn_queueproxy_app_duration_seconds", "1.21": "kn_serving_invocation_duration_seconds",
	} {
		f("OpenTelemetry "+generation, strings.ReplaceAll(`
		15s METRIC_count{k8s_namespace_name="prod",kn_service_name="waiter",kn_revision_name="waiter-00001",k8s_pod_name="waiter-00001-abc",http_response_status_code="200"} 1 3
		15s METRIC_count{k8s_namespace_name="prod",kn_service_name="waiter",kn_revision_name="waiter-00001",k8s_pod_name="waiter-00001-abc",http_response_status_code="503"} 0 1
		15s METRIC_sum{k8s_namespace_name="prod",kn_service_name="waiter",kn_revision_name="waiter-00001",k8s_pod_name="waiter-00001-abc",http_response_status_code="200"} 0.25 1.5
		15s METRIC_bucket{k8s_namespace_name="prod",kn_service_name="waiter",kn_revision_name="waiter-00001",k8s_pod_name="waiter-00001-abc",http_response_status_code="200",le="0.5"} 1 4
		15s METRIC_bucket{k8s_namespace_name="prod",kn_service_name="waiter",kn_revision_name="waiter-00001",k8s_pod_name="waiter-00001-abc",http_response_status_code="200",le="+Inf"} 1 4
		15s http_server_request_duration_seconds_count{k8s_namespace_name="prod",kn_service_name="waiter",service_name="waiter",k8s_pod_name="waiter-00001-abc"} 2 5`,
			"METRIC", metric), fmt.Sprintf(want, "250 p95=475"))
	}
}

var hasInvocations = regexp.MustCompile(`^.* invocations=\S+`)

// A service goes on being counted while its cluster is upgraded, each pod by the
// names of its version; what stands behind a proxy is not counted again.
func TestComputeSources(t *testing.T) {
	oc := exact.Source{Profile: "knative-oc"}
	key := invoq.ServiceKey{Tenant: "acme", Namespace: "n", Service: "f"}
	s := tsdbtest.Open(t)
	tsdbtest.Load(t, s, "acme", 15*time.Second, `
		15s revision_app_request_count{namespace_name="n",service_name="f",revision_name="r",pod_name="a"} 1 2 3
		15s kn_serving_invocation_duration_seconds_count{k8s_namespace_name="n",kn_service_name="f",kn_revision_name="r",k8s_pod_name="b"} 100 200 300
		15s http_requests_total{namespace="n",job="kubernetes-pods",pod="a"} 1 2 3
		15s redis_memory_usage_bytes{namespace="n",service="redis",pod="a"} 5 5 5
		15s container_memory_working_set_bytes{namespace="n",pod="a",container="user"} 1048576 1048576 1048576
		15s revision_app_request_latencies_sum{namespace_name="n",service_name="f",revision_name="r",pod_name="a"} 1000 2000 3000`)
	res := compute(t, s, 1, func(r *exact.Request) {
		r.Watched = map[invoq.TenantName]int64{"acme": 1}
		r.Sources = map[invoq.ServiceKey]exact.Source{key: oc}
	})
	want := []string{"12:00 acme/f r invocations=303 duration_ms=3000 mb_ms=3000 cold_starts=2"}
	if diff := cmp.Diff(want, lines(res.Rows)); diff != "" {
		t.Error("rows (-want +got):\n" + diff)
	}
	if diff := cmp.Diff(map[invoq.ServiceKey]exact.Source{key: oc}, res.Sources); diff != "" {
		t.Error("sources (-want +got):\n" + diff)
	}
	if len(res.Uncounted) != 0 {
		t.Errorf("uncounted: %v", res.Uncounted)
	}
}

// A service whose source has fallen silent while another speaks is named.
func TestComputeUncounted(t *testing.T) {
	key := invoq.ServiceKey{Tenant: "acme", Namespace: "n", Service: "f"}
	s := tsdbtest.Open(t)
	tsdbtest.Load(t, s, "acme", 15*time.Second,
		`15s revision_app_request_count{namespace_name="n",service_name="f",revision_name="r",pod_name="a"} 1 2 3`)
	res := compute(t, s, 1, func(r *exact.Request) {
		r.Sources = map[invoq.ServiceKey]exact.Source{key: {Profile: "plain", Prefix: "f"}}
	})
	want := map[invoq.ServiceKey]exact.Source{key: {Profile: "knative-oc"}}
	if diff := cmp.Diff(want, res.Uncounted); diff != "" || len(res.Rows) != 0 {
		t.Errorf("%d rows, uncounted (-want +got):\n%s", len(res.Rows), diff)
	}
}

// Sums stay exact beyond what 64 bits hold.
func TestComputeHugeCounters(t *testing.T) {
	s := tsdbtest.Open(t)
	tsdbtest.Load(t, s, "acme", 15*time.Second, `
		15s f_requests_total{service="f",pod="a"} 4e15
		15s f_requests_total{service="f",pod="b"} 4e15
		15s f_requests_total{service="f",pod="c"} 4e15`)
	got := compute(t, s, 1, nil).Rows[0].Invocations
	if want := invoq.NewDecimal(12, 15); !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Percentiles are those of PromQL's histogram_quantile, also when all
// invocations fall into one bucket that is not the first.
func TestComputeLatency(t *testing.T) {
	s := tsdbtest.Open(t)
	tsdbtest.Load(t, s, "acme", 15*time.Second, `
		15s w_requests_total{service="w",pod="a"} 10
		15s w_request_duration_seconds_bucket{service="w",pod="a",le="0.25"} 0
		15s w_request_duration_seconds_bucket{service="w",pod="a",le="0.5"} 0
		15s w_request_duration_seconds_bucket{service="w",pod="a",le="1"} 10
		15s w_request_duration_seconds_bucket{service="w",pod="a",le="+Inf"} 10`)
	got := lines(compute(t, s, 1, func(r *exact.Request) {
		r.Watched = map[invoq.TenantName]int64{"acme": 1}
	}).Rows)
	// 0.5 + 0.5 × 5/10 and 0.5 + 0.5 × 9.5/10 seconds.
	if diff := cmp.Diff([]string{"12:00 acme/w default invocations=10 p50=750 p95=975"}, got); diff != "" {
		t.Error("rows (-want +got):\n" + diff)
	}
}
