package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// What breaks the contract is said in words about the value, not the schema.
func TestContractErrorsAreWords(t *testing.T) {
	r := serve(t)
	r.tenant("acme")
	f := func(method, path, body, want string) {
		t.Helper()
		a := r.json(r.owner, method, path, body)
		var p Problem
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Detail != want {
			t.Errorf("%s %s %s:\n got %s (%v)\nwant %s", method, path, body, p.Detail, err, want)
		}
	}
	const plans, tenants = "/api/v1/pricing/plans", "/api/v1/tenants"
	plan := func(field string) string { return `{"name": "p", "currency": "USD", ` + field + `}` }
	f("POST", plans, plan(`"price_per_invocation": "cheap"`), `body: "price_per_invocation" is not a decimal number`)
	f("POST", plans, plan(`"price_per_invocation": true`), `body: "price_per_invocation" is not a decimal number`)
	f("POST", plans, plan(`"free_tier_mb_ms": "x"`), `body: "free_tier_mb_ms" is not a decimal number`)
	f("POST", plans, plan(`"effective_from": "soon"`), `body: "effective_from" is not a day such as 2026-03-01`)
	f("POST", plans, plan(`"active": "yes"`), `body: "active" is neither true nor false`)
	f("POST", plans, `{"name": "p", "currency": "euro"}`, `body: "currency" is not a currency such as EUR`)
	f("POST", plans, `{"name": 5, "currency": "EUR"}`, `body: "name": value must be a string`)
	f("POST", "/api/v1/keys", `{"name": "k", "role": "ingest", "expires_at": "soon"}`,
		`body: "expires_at" is not a time such as 2026-03-01T00:00:00Z`)
	f("GET", tenants+"?limit=abc", "", `parameter "limit" is not a whole number`)
	f("GET", tenants+"?limit=1.5", "", `parameter "limit" is not a whole number`)
	f("GET", "/api/v1/usage?start=soon", "",
		`parameter "start" is not a time such as 2026-03-01T00:00:00Z`)
	f("GET", tenants+"?limit=0", "", `parameter "limit": number must be at least 1`)
}

// Only what the log has is said to be there.
func TestErrorPagesNameTheRequestWhereTheLogHasIt(t *testing.T) {
	r := serve(t)
	a := r.ask("", http.MethodGet, "/no-such-page", nil, "Accept", "text/html")
	if a.status != http.StatusNotFound {
		t.Fatalf("answer %d", a.status)
	}
	if id := a.header.Get("X-Request-ID"); id == "" || strings.Contains(a.body, id) {
		t.Errorf("request %q, page %s", id, a.body)
	}
}
