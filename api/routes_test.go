package api

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"invoq/access"
)

// beside are the routes that are not in the contract, with what guards them.
var beside = map[string]access.Permission{
	"GET /healthz": access.Public, "GET /readyz": access.Public, "GET /metrics": access.Public,
	"POST /api/v1/write": access.WriteSamples, "POST /api/v1/otlp/v1/metrics": access.WriteSamples,
	"POST /metrics/collect": access.WriteSamples, "POST /api/v1/metrics/ingest": access.WriteSamples,
	"POST /api/v1/usage": access.WriteSamples, "POST /metrics/pop": access.Operate,
	"GET /api/v1/query": access.ReadSamples, "POST /api/v1/query": access.ReadSamples,
	"GET /api/v1/query_range": access.ReadSamples, "POST /api/v1/query_range": access.ReadSamples,
	"GET /api/v1/query_exemplars": access.ReadSamples, "POST /api/v1/query_exemplars": access.ReadSamples,
	"GET /api/v1/format_query": access.ReadSamples, "POST /api/v1/format_query": access.ReadSamples,
	"GET /api/v1/rules": access.ReadSamples, "GET /api/v1/alerts": access.ReadSamples,
	"GET /api/v1/parse_query": access.ReadSamples, "POST /api/v1/parse_query": access.ReadSamples,
	"POST /api/v1/admin/tsdb/snapshot": access.Operate, "POST /api/v1/admin/tsdb/backfill": access.Operate,
	"POST /api/v1/read":  access.ReadSamples,
	"GET /api/v1/series": access.ReadSamples, "POST /api/v1/series": access.ReadSamples,
	"GET /api/v1/labels": access.ReadSamples, "POST /api/v1/labels": access.ReadSamples,
	"GET /api/v1/label/{name}/values": access.ReadSamples,
	"GET /api/v1/metadata":            access.ReadSamples,
	"GET /api/v1/status/buildinfo":    access.ReadSamples,
	"GET /openapi.yaml":               access.Public, "GET /docs": access.Public, "GET /assets/+": access.Public,
	"GET /login": access.Public, "POST /login": access.Public, "GET /login/{ticket}": access.Public,
	"POST /logout": access.Public,
	"GET /":        access.ReadUsage, "GET /tenants/{tenant}": access.ReadUsage,
	"GET /margins": access.ManageCosts, "GET /tenants/{tenant}/users/{user}": access.ReadUsage,
}

var fiberParam = regexp.MustCompile(`:(\w+)`)

// routesOf returns every route that is registered, as METHOD /path/{param}.
func routesOf(s *Server) []string {
	var all []string
	for _, r := range s.app.GetRoutes(true) {
		if r.Method == http.MethodHead {
			continue // Fiber answers HEAD where it answers GET.
		}
		all = append(all, r.Method+" "+fiberParam.ReplaceAllString(r.Path, "{$1}"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// permissionsOf returns what every route needs: by the contract, or by beside.
func permissionsOf(t *testing.T, s *Server) map[string]access.Permission {
	t.Helper()
	all := map[string]access.Permission{}
	maps.Copy(all, beside)
	for path, item := range s.contract.doc.Paths.Map() {
		for method, op := range item.Operations() {
			p, err := permissionOf(op)
			if err != nil {
				t.Fatal(err)
			}
			all[method+" "+path] = p
		}
	}
	return all
}

// Every route is in the contract or among the named exceptions, and what both
// list is there.
func TestEveryRouteIsKnown(t *testing.T) {
	r := serve(t)
	registered := routesOf(r.server)
	known := permissionsOf(t, r.server)
	for _, route := range registered {
		if _, ok := known[route]; !ok {
			t.Errorf("%s is registered and neither in the contract nor among the exceptions", route)
		}
	}
	for route := range known {
		if !slices.Contains(registered, route) {
			t.Errorf("%s is promised and not registered", route)
		}
	}
}

// Every route turns away whoever lacks its permission: no key, a revoked one, a
// role that may not.
func TestEveryRouteIsGuarded(t *testing.T) {
	r := serve(t)
	tenant, keys := r.tenant("acme")
	for route, need := range permissionsOf(t, r.server) {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{tenant}", string(tenant.ID), "{plan}", "p", "{bill}", "b", "{key}", "k",
			"{name}", "job", "{event}", "e", "{ticket}", "x", "{user}", "u", "+", "none.css").Replace(path)
		page := !strings.HasPrefix(path, "/api/")
		for who, key := range map[string]string{
			"nobody": "", "a stranger": access.NewSecret().Reveal(), "garbage": "ivq_x", "ingest": keys[access.Ingest],
			"viewer": keys[access.Viewer], "tenant": keys[access.Tenant], "owner": r.owner,
		} {
			a := r.json(key, method, path, "{}")
			want := need == access.Public
			if role := access.Role(who); role.Validate() == nil {
				want = role.May(need)
			}
			let := a.status != http.StatusUnauthorized && a.status != http.StatusForbidden &&
				(!page || a.header.Get("Location") != "/login")
			if path == "/login" || path == "/logout" || path == "/login/x" {
				continue // These are how one gets in and out.
			}
			if let != want {
				t.Errorf("%s as %s: %d, let in: %v, want %v: %s", route, who, a.status, let, want, a.body)
			}
		}
	}
}

// What belongs to another tenant does not exist.
func TestForeignIdsDoNotExist(t *testing.T) {
	r := serve(t)
	_, acme := r.tenant("acme")
	zeta, _ := r.tenant("zeta")
	plan := struct{ ID string }{}
	r.decode(r.json(r.owner, "POST", "/api/v1/pricing/plans", fmt.Sprintf(
		`{"name":"secret of zeta","currency":"USD","tenant_id":%q,"price_per_invocation":"1"}`, zeta.ID)), &plan)
	bill := struct{ ID string }{}
	r.decode(r.json(r.owner, "POST", "/api/v1/billing/calculate",
		`{"tenant_id":"zeta","period_start":"2026-01-01","period_end":"2026-02-01"}`), &bill)
	for _, path := range []string{
		"/api/v1/tenants/zeta", "/api/v1/tenants/" + string(zeta.ID),
		"/api/v1/usage?tenant_id=zeta", "/api/v1/usage?tenant_id=" + string(zeta.ID),
		"/api/v1/services?tenant_id=zeta",
		"/api/v1/usage/dashboard/" + string(zeta.ID), "/api/v1/billing/reports/zeta",
		"/api/v1/billing/bills/" + bill.ID, "/api/v1/pricing/plans/" + plan.ID,
		"/api/v1/pricing/plans/" + plan.ID + "/versions", "/tenants/zeta",
		"/tenants/zeta/users/default",
	} {
		a := r.ask(acme[access.Tenant], "GET", path, nil)
		if a.status != http.StatusNotFound || strings.Contains(a.body, "secret") {
			t.Errorf("GET %s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/api/v1/tenants", "/api/v1/services", "/api/v1/pricing/plans", "/api/v1/keys", "/api/v1/usage"} {
		a := r.ask(acme[access.Tenant], "GET", path, nil)
		if a.status != http.StatusOK || strings.Contains(a.body, "zeta") || strings.Contains(a.body, string(zeta.ID)) {
			t.Errorf("GET %s: %d %s", path, a.status, a.body)
		}
	}
	a := r.json(acme[access.Tenant], "POST", "/api/v1/services", `{"tenant_id":"zeta","name":"mine"}`)
	if a.status != http.StatusNotFound {
		t.Errorf("a service was put into another tenant: %d %s", a.status, a.body)
	}
	a = r.json(acme[access.Tenant], "POST", "/api/v1/keys", `{"tenant_id":"zeta","name":"mine","role":"viewer"}`)
	if a.status != http.StatusNotFound {
		t.Errorf("a key was made for another tenant: %d %s", a.status, a.body)
	}
	a = r.json(acme[access.Tenant], "POST", "/api/v1/keys", `{"name":"mine","role":"owner"}`)
	if a.status != http.StatusForbidden && a.status != http.StatusUnprocessableEntity {
		t.Errorf("a tenant made an owner key: %d %s", a.status, a.body)
	}
}

// A server that is told to stop before it has begun to serve does not begin.
func TestShutdownBeforeServe(t *testing.T) {
	r := serve(t)
	for range 50 {
		s, err := New(r.server.Parts)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		if err := errors.Join(s.Shutdown(t.Context()), <-done); err != nil {
			t.Fatal(err)
		}
	}
}

// A path that is there says which methods it takes, in the contract and beside it.
func TestOtherMethodsAreNotAllowed(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	f := func(method, path, allow string) {
		t.Helper()
		status := http.StatusMethodNotAllowed
		if allow == "" {
			status = http.StatusNotFound
		}
		a := r.ask(keys[access.Viewer], method, path, nil)
		if a.status != status || a.header.Get("Allow") != allow {
			t.Errorf("%s %s: %d, Allow %q, want %d %q", method, path, a.status, a.header.Get("Allow"), status, allow)
		}
	}
	f("POST", "/api/v1/label/job/values", "GET, HEAD")
	f("POST", "/api/v1/metadata", "GET, HEAD")
	f("GET", "/api/v1/write", "POST")
	f("PUT", "/api/v1/query", "GET, HEAD, POST")
	f("DELETE", "/api/v1/billing/calculate", "POST")
	f("POST", "/api/v1/pricing/plans/x", "DELETE, GET, HEAD, PUT")
	f("PUT", "/login", "GET, HEAD, POST")
	f("POST", "/api/v1/no-such-thing", "")
}
