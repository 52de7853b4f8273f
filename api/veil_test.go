package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"invoq"
	"invoq/access"
)

// A tenant reads what it is billed, and neither on its bills, nor in their traces,
// nor by simulating, what that cost the owner and how the price is made of it.
func TestBillsDoNotTellCosts(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	if a := r.json(r.owner, http.MethodPost, "/api/v1/costs", unevenCosts); a.status != http.StatusCreated {
		t.Fatal(a)
	}
	at := time.Date(2026, time.March, 5, 12, 0, 0, 0, time.UTC)
	event := func(id string, m invoq.Meter, quantity int64) invoq.Event {
		return invoq.Event{
			Tenant: "acme", RequestID: id, User: "ann", Provider: "p", Service: "s", Time: at, ReceivedAt: at,
			Measures: []invoq.Measure{{Meter: m, Quantity: invoq.NewDecimal(quantity, 0)}},
		}
	}
	// 777 MB really cost 5.5400100777; 3000 tokens 0.04110009, by a rate of the plan.
	r.post(event("r1", invoq.StorageMB, 777), event("r2", invoq.AITokens, 3000))
	var plan Plan
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", `{"name": "resold", "currency": "USD",
		"rates": [{"meter": "AI_TOKENS", "kind": "MARKUP", "factor": "3"}]}`), &plan)
	var bill Bill
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/billing/calculate", marchBill), &bill)
	ask := `{"tenant_id": "acme", "period_start": "2026-03-01", "period_end": "2026-04-01", "plans": [`
	for _, q := range []struct{ method, path, body string }{
		{http.MethodGet, "/api/v1/billing/bills", ""},
		{http.MethodGet, "/api/v1/billing/reports/acme", ""},
		{http.MethodGet, "/api/v1/billing/bills/" + bill.ID, ""},
		{http.MethodGet, "/api/v1/billing/bills/" + bill.ID + "/explain", ""},
		{http.MethodPost, "/api/v1/billing/bills/" + bill.ID + "/recompute", ""},
		{http.MethodPost, "/api/v1/pricing/simulate", ask + `{"plan_id": "` + plan.ID + `"}]}`},
	} {
		if a := r.json(r.owner, q.method, q.path, q.body); !strings.Contains(a.body, "5.5400100777") {
			t.Errorf("%s does not tell the owner: %d %s", q.path, a.status, a.body)
		}
		for _, role := range []access.Role{access.Tenant, access.Viewer} {
			a := r.json(keys[role], q.method, q.path, q.body)
			if a.status != http.StatusOK || !strings.Contains(a.body, "2.21600403108") {
				t.Errorf("%s as %s: %d, or not what is billed: %s", q.path, role, a.status, a.body)
			}
			for _, secret := range []string{"5.5400100777", "0.04110009", "SUBSIDIZED"} {
				if strings.Contains(a.body, secret) {
					t.Errorf("%s as %s tells %q", q.path, role, secret)
				}
			}
		}
	}
	own := ask + `{"plan": {"name": "at cost", "currency": "USD",
		"rates": [{"meter": "STORAGE_MB", "kind": "MARKUP", "factor": "1"}]}}]}`
	if a := r.json(keys[access.Viewer], http.MethodPost, "/api/v1/pricing/simulate", own); a.status != http.StatusForbidden {
		t.Errorf("simulated at cost: %d %s", a.status, a.body)
	}
	if a := r.json(r.owner, http.MethodPost, "/api/v1/pricing/simulate", own); a.status != http.StatusOK {
		t.Errorf("the owner, at cost: %d %s", a.status, a.body)
	}
}
