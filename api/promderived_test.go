package api

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"invoq"
	"invoq/access"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/postgres"
)

// storeUsage stores a window of each tenant that ended with the last five
// minutes, and returns its end.
func storeUsage(t *testing.T, r *running, tenants ...invoq.TenantName) time.Time {
	t.Helper()
	end := invoq.Window5m.Floor(time.Now())
	in := invoq.Interval{Start: end.Add(-5 * time.Minute), End: end}
	w := postgres.Windows{
		Interval: in, Sources: map[invoq.ServiceKey]string{}, Watched: map[invoq.TenantName]time.Time{},
	}
	for _, tenant := range tenants {
		w.Watched[tenant] = in.Start
		w.Rows = append(w.Rows, invoq.Usage{
			Interval: in, Tenant: tenant, Service: "of-" + string(tenant), Revision: "r1",
			Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(7, 0)},
		})
	}
	if err := r.server.DB.StoreWindows(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return end
}

// Usage as series is in every endpoint that lists or reads series, and each
// tenant sees its own.
func TestUsageSeriesStayApart(t *testing.T) {
	r, key := twoTenants(t)
	end := storeUsage(t, r, "acme", "zeta")
	f := func(want, path string, params ...string) {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(params); i += 2 {
			form.Add(params[i], params[i+1])
		}
		a := r.ask(key, "GET", path+"?"+form.Encode(), nil)
		if a.status != 200 || !strings.Contains(a.body, want) || strings.Contains(a.body, "zeta") {
			t.Errorf("%s %v: %d %s\nwant %s and nothing of zeta", path, params, a.status, a.body, want)
		}
	}
	at := end.Format(time.RFC3339)
	for _, expr := range []string{
		"invoq_usage_invocations", `{__name__=~"invoq_.+",tenant=~".+"}`, `invoq_usage_invocations or {tenant=~".+"}`,
	} {
		f(`"7"`, "/api/v1/query", "query", expr, "time", at)
		f(`"7"`, "/api/v1/query_range", "query", expr, "start", at, "end", at, "step", "60")
		if !strings.Contains(expr, " or ") {
			f("of-acme", "/api/v1/series", "match[]", expr)
		}
	}
	f("revision", "/api/v1/labels")
	f("invoq_usage_gb_seconds", "/api/v1/label/__name__/values")
	f(`["of-acme"]`, "/api/v1/label/service/values", "match[]", `{__name__=~"invoq.+",tenant=~".+"}`)
	f("Invocations in the window.", "/api/v1/metadata")
	for _, chunked := range []bool{false, true} {
		got := readAll(t, r, key, chunked)
		want := `{__name__="invoq_usage_invocations", revision="r1", service="of-acme", tenant="acme"} 7`
		if !slices.Contains(got, want) || strings.Contains(strings.Join(got, ""), "zeta") {
			t.Errorf("remote read, chunked %v: %v\nwant %s and nothing of zeta", chunked, got, want)
		}
	}
}

// What something cost the owner is in no answer to a tenant.
func TestRealCostIsTheOwners(t *testing.T) {
	r := serve(t)
	if a := r.json(r.owner, "POST", "/api/v1/costs", unevenCosts); a.status != 201 {
		t.Fatal(a)
	}
	_, keys := r.tenant("acme")
	now := time.Now().UTC()
	r.post(someEvents(40, now)...)
	f := func(key, expr string, told bool) {
		t.Helper()
		at := invoq.Window1h.Floor(now).Add(time.Hour).Format(time.RFC3339)
		form := url.Values{"query": {expr}, "match[]": {expr}, "time": {at}}.Encode()
		a := r.ask(key, "GET", "/api/v1/query?"+form, nil)
		if a.status != 200 || strings.Contains(a.body, `"metric"`) != told {
			t.Errorf("query %s: %d %s\ntold should be %v", expr, a.status, a.body, told)
		}
		expr = strings.NewReplacer("sum_over_time(", "", "[31d])", "").Replace(expr)
		for _, path := range []string{"series", "label/__name__/values"} {
			form := url.Values{"match[]": {expr}}.Encode()
			a := r.ask(key, "GET", "/api/v1/"+path+"?"+form, nil)
			if a.status != 200 || strings.Contains(a.body, "_cost") != told {
				t.Errorf("%s of %s: %d %s\ntold should be %v", path, expr, a.status, a.body, told)
			}
		}
	}
	const realCost, billed = `sum_over_time(invoq_ledger_real_cost[31d])`, `sum_over_time(invoq_ledger_billed_cost[31d])`
	f(r.owner, realCost, true)
	f(r.owner, billed, true)
	f(keys[access.Tenant], billed, true)
	f(keys[access.Tenant], realCost, false)
	f(keys[access.Tenant], `sum_over_time({__name__=~"invoq_ledger_real.*"}[31d])`, false)
	if a := r.ask(keys[access.Tenant], "GET", "/api/v1/label/__name__/values", nil); strings.Contains(a.body, "real") {
		t.Errorf("names: %s", a.body)
	}
	// A tenant that there cannot be has no series.
	f(r.owner, `{__name__="invoq_cost",tenant="\x00"}`, false)
}

// Nobody may send what looks like them.
func TestReservedNamesAreRefused(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	body := ingesttest.EncodeSnappy(
		ingesttest.Series{
			Labels:  []string{"__name__", "invoq_usage_invocations"},
			Samples: []ingest.Sample{{T: time.Now().UnixMilli(), V: 1}},
		},
		ingesttest.Series{
			Labels: []string{"__name__", "fn"}, Samples: []ingest.Sample{{T: time.Now().UnixMilli(), V: 1}},
		},
	)
	a := r.ask(keys[access.Ingest], "POST", "/api/v1/write", body,
		"Content-Type", "application/x-protobuf", "Content-Encoding", "snappy")
	if a.status != 400 || !strings.Contains(a.body, "kept 1 samples, rejected 1") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.ask(keys[access.Tenant], "GET", "/api/v1/ingest/rejections", nil); !strings.Contains(a.body, "reserved_name") {
		t.Errorf("rejections: %s", a.body)
	}
}

// The tree of a query has the form that editors draw.
func TestParseQuery(t *testing.T) {
	r := serve(t)
	f := func(query, want string) {
		t.Helper()
		a := r.ask(r.owner, "GET", "/api/v1/parse_query?"+url.Values{"query": {query}}.Encode(), nil)
		if got := strings.TrimSpace(a.body); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
	// As Prometheus 3.15 answers them.
	selector := `"anchored":false,"matchers":[{"name":"a","type":"=","value":"b"},{"name":"__name__","type":"=","value":"m"}],` +
		`"name":"m","offset":0,"offsetExpr":null,`
	f(`m{a="b"}`, `{"status":"success","data":{`+selector+
		`"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"}}`)
	f(`sum by (a) (rate(m{a="b"}[5m]))`, `{"status":"success","data":{"expr":{"args":[{`+selector+
		`"range":300000,"rangeExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"matrixSelector"}],`+
		`"func":{"argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"type":"call"},`+
		`"grouping":["a"],"op":"sum","param":null,"type":"aggregation","without":false}}`)
	f(`-(1 + 2)`, `{"status":"success","data":{"expr":{"expr":{"bool":false,"lhs":{"type":"numberLiteral","val":"1"},`+
		`"matching":null,"op":"+","rhs":{"type":"numberLiteral","val":"2"},"type":"binaryExpr"},"type":"parenExpr"},`+
		`"op":"-","type":"unaryExpr"}}`)
	for _, query := range []string{
		`a * on (x) group_left (y) b`, `m[1h:5m] @ end()`, `max_over_time(m[1h:5m] offset 1d)`, `"text"`, `quantile(0.9, m)`,
	} {
		if a := r.ask(r.owner, "POST", "/api/v1/parse_query", []byte(url.Values{"query": {query}}.Encode()),
			"Content-Type", "application/x-www-form-urlencoded"); a.status != 200 {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if a := r.ask(r.owner, "GET", "/api/v1/parse_query?query=sum(", nil); a.status != 400 {
		t.Errorf("nonsense: %d %s", a.status, a.body)
	}
}
