package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"invoq"
	"invoq/access"
	"invoq/postgres"
)

// The owner moves a service from metrics to events; a tenant sees it and may
// not, and another tenant does not see it.
func TestServiceSourceOverHTTP(t *testing.T) {
	r := serve(t)
	acme, keys := r.tenant("acme")
	_, others := r.tenant("zeta")
	at := invoq.Window1h.Floor(time.Now()).Add(-time.Hour)
	err := r.server.DB.StoreWindows(t.Context(), postgres.Windows{
		Interval: invoq.Interval{Start: at, End: at.Add(time.Hour)},
		Rows: []invoq.Usage{{
			Interval: invoq.Interval{Start: at, End: at.Add(5 * time.Minute)}, Tenant: acme.Name,
			Service: "waiter", Revision: "r1",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var services ServicePage
	r.decode(r.json(keys[access.Viewer], http.MethodGet, "/api/v1/services", ""), &services)
	if len(services.Items) != 1 || deref(services.Items[0].Source) != "metrics" {
		t.Fatalf("services are %+v", services.Items)
	}
	path := "/api/v1/services/" + services.Items[0].ID + "/source"
	f := func(key, method, body string, want int, says string) {
		t.Helper()
		got := r.json(key, method, path, body)
		if got.status != want || !strings.Contains(got.body, says) {
			t.Errorf("%s %s: %d %s, want %d %q", method, body, got.status, got.body, want, says)
		}
	}
	move := `{"source": "events", "reason": "the gateway tells all"}`
	f(keys[access.Tenant], http.MethodPut, move, http.StatusForbidden, "")
	f(r.owner, http.MethodPut, `{"source": "events"}`, http.StatusUnprocessableEntity, "reason")
	f(r.owner, http.MethodPut, `{"source": "metrics", "reason": "x"}`, http.StatusConflict, "from metrics already")
	f(r.owner, http.MethodPut, `{"source": "events", "reason": "x", "from": "`+at.Format(time.RFC3339)+`"}`,
		http.StatusUnprocessableEntity, "has been counted already")
	f(r.owner, http.MethodPut, move, http.StatusOK, `"reason":"the gateway tells all"`)
	f(r.owner, http.MethodPut, move, http.StatusConflict, "from events already")
	f(others[access.Tenant], http.MethodGet, "", http.StatusNotFound, "")
	f(r.owner, http.MethodGet, "", http.StatusOK, `"source":"metrics"`)

	var now ServiceSource
	r.decode(r.json(keys[access.Viewer], http.MethodGet, path, ""), &now)
	if len(now.Changes) != 1 || now.Changes[0].ChangedBy == "" || now.Changes[0].Source != "events" ||
		!now.Changes[0].From.After(time.Now()) || !invoq.Window1h.Floor(now.Changes[0].From).Equal(now.Changes[0].From) {
		t.Errorf("the changes are %+v", now.Changes)
	}

	// A service that used nothing yet is settled from the beginning.
	var fresh Service
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/services", `{"tenant_id": "acme", "name": "cook"}`), &fresh)
	if fresh.Source != nil {
		t.Errorf("a service without usage is counted from %s", *fresh.Source)
	}
	path = "/api/v1/services/" + fresh.ID + "/source"
	f(r.owner, http.MethodPut, move, http.StatusOK, `"source":"events"`)
	path = "/api/v1/services/nonesuch/source"
	f(r.owner, http.MethodGet, "", http.StatusNotFound, "")
}
