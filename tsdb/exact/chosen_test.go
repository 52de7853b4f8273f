package exact_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

// A service whose source is chosen is counted by it and nothing else, whatever
// else there is and whatever it was counted by before; others are as ever.
func TestChosenSource(t *testing.T) {
	s := tsdbtest.Open(t)
	tsdbtest.Load(t, s, "acme", 15*time.Second, `
15s http_server_request_duration_seconds_count{job="activator",k8s_namespace_name="prod",kn_service_name="waiter",kn_revision_name="w-1",instance="a"} 2 5
15s kn_serving_invocation_duration_seconds_count{job="w",k8s_namespace_name="prod",kn_service_name="waiter",kn_revision_name="w-1",k8s_pod_name="p"} 1 2
15s http_server_request_duration_seconds_count{job="activator",k8s_namespace_name="prod",kn_service_name="other",kn_revision_name="o-1",instance="a"} 9 9
15s kn_serving_invocation_duration_seconds_count{job="o",k8s_namespace_name="prod",kn_service_name="other",kn_revision_name="o-1",k8s_pod_name="q"} 4 6`)
	waiter := invoq.ServiceKey{Tenant: "acme", Namespace: "prod", Service: "waiter"}
	f := func(name string, want []string, change func(*exact.Request)) {
		t.Helper()
		res := compute(t, s, 1, func(r *exact.Request) {
			r.Watched = map[invoq.TenantName]int64{"acme": 1}
			change(r)
		})
		if diff := cmp.Diff(want, lines(res.Rows)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	other := "12:00 acme/other o-1 invocations=6 cold_starts=1"
	choose := func(key invoq.ServiceKey) (exact.Source, bool) {
		if key == waiter {
			return exact.Source{Profile: "knative-activator"}, true
		}
		return exact.Source{}, false
	}
	f("by itself", []string{other, "12:00 acme/waiter w-1 invocations=2 cold_starts=1"}, func(*exact.Request) {})
	f("chosen", []string{other, "12:00 acme/waiter w-1 invocations=5"}, func(r *exact.Request) { r.Chosen = choose })
	f("chosen after it was counted", []string{other, "12:00 acme/waiter w-1 invocations=5"}, func(r *exact.Request) {
		r.Sources = map[invoq.ServiceKey]exact.Source{waiter: {Profile: "knative-otel"}}
		r.Chosen = choose
	})
}
