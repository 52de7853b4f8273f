package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/access"
	"invoq/internal/booktest"
	"invoq/postgres"
)

// used stores invocations of a tenant's waiter in a window, and has usage
// counted until April and posted to the book.
func (r *running) used(tenant invoq.TenantName, at string, invocations int64) {
	r.t.Helper()
	start, err := time.Parse(time.RFC3339, at)
	if err != nil {
		r.t.Fatal(err)
	}
	window := invoq.Interval{Start: start, End: start.Add(5 * time.Minute)}
	err = r.server.DB.StoreWindows(r.t.Context(), postgres.Windows{
		Interval: window, Tenants: []invoq.TenantName{tenant},
		Rows: []invoq.Usage{{
			Interval: window, Tenant: tenant, Service: "waiter", Revision: "waiter-00001",
			Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(invocations, 0)},
		}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	err = r.server.DB.AggregatedUntil(r.t.Context(), time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		r.t.Fatal(err)
	}
	booktest.Post(r.t, r.server.DB)
}

const standardPlan = `{"name": "standard", "currency": "USD", "price_per_invocation": "0.01",
	"free_tier_invocations": "100"}`

const marchBill = `{"tenant_id": "acme", "period_start": "2026-03-01", "period_end": "2026-04-01"}`

// A bill's whole life, by its endpoints.
func TestBillOverHTTP(t *testing.T) {
	r := serve(t)
	acme, keys := r.tenant("acme")
	r.used("acme", "2026-03-10T09:00:00Z", 1100)
	var plan Plan
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", standardPlan), &plan)
	var bill Bill
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/billing/calculate", marchBill), &bill)
	at := "/api/v1/billing/bills/" + bill.ID
	if a := r.json(keys[access.Tenant], http.MethodPost, at+"/finalize", ""); a.status != http.StatusForbidden {
		t.Errorf("a tenant finalizes its own bill: %d", a.status)
	}
	for _, zone := range []string{"Asia/Tokyo", "UTC"} {
		a := r.json(r.owner, http.MethodPatch, "/api/v1/tenants/acme", `{"timezone": "`+zone+`"}`)
		if a.status != http.StatusOK {
			t.Errorf("zone %s before a final bill: %d", zone, a.status)
		}
	}
	r.decode(r.json(r.owner, http.MethodPost, at+"/finalize", ""), &bill)
	if a := r.json(r.owner, http.MethodPatch, "/api/v1/tenants/acme", `{"timezone": "Asia/Tokyo"}`); a.status != 409 {
		t.Errorf("another zone after a final bill: %d", a.status)
	}
	if deref(bill.Number) != "INV-00000001" || bill.Status != "final" || bill.TotalAmount.String() != "10" {
		t.Errorf("final %+v", bill)
	}
	if a := r.json(r.owner, http.MethodPost, "/api/v1/billing/calculate", marchBill); a.status != http.StatusConflict {
		t.Errorf("calculated again: %d %s", a.status, a.body)
	}

	var trace Explanation
	r.decode(r.json(keys[access.Viewer], http.MethodGet, "/api/v1/billing/bills/INV-00000001/explain", ""), &trace)
	line := trace.Lines[0]
	if line.Plan != "standard" || line.PlanVersion != 1 || len(line.Usage) != 1 ||
		line.Usage[0].Quantity.String() != "1100" || line.Usage[0].Service != "waiter" ||
		line.Usage[0].Entries != 1 {
		t.Errorf("trace %+v", line)
	}
	var again Recomputation
	r.decode(r.json(keys[access.Viewer], http.MethodPost, at+"/recompute", ""), &again)
	if !again.Agrees || again.Sha256 != *bill.Sha256 {
		t.Errorf("recomputed %+v", again)
	}
	r.used("acme", "2026-03-20T09:00:00Z", 50)
	r.decode(r.json(keys[access.Viewer], http.MethodPost, at+"/recompute", ""), &again)
	if !again.Agrees || len(again.Corrections) != 1 || again.Corrections[0].Amount.String() != "0.5" {
		t.Errorf("recomputed after late usage %+v", again)
	}

	var change Rerating
	r.decode(r.json(r.owner, http.MethodPut, "/api/v1/pricing/plans/"+plan.ID, `{"name": "standard",
		"currency": "USD", "price_per_invocation": "0.02", "effective_from": "2026-03-01", "reason": "agreed"}`), &plan)
	r.decode(r.json(r.owner, http.MethodPost, at+"/rerate", `{}`), &change)
	if change.Difference.String() != "13" || change.Applied {
		t.Errorf("re-rating shown %+v", change) // 1150 × 0.02 less the 10.00 that were billed.
	}
	r.decode(r.json(r.owner, http.MethodPost, at+"/rerate",
		fmt.Sprintf(`{"token": %q, "reason": "agreed late"}`, change.Token)), &change)
	var records ReratingPage
	r.decode(r.json(r.owner, http.MethodGet, at+"/reratings", ""), &records)
	if !change.Applied || len(records.Items) != 1 || records.Items[0].ID != *change.ID {
		t.Errorf("re-rated %+v, records %+v", change, records)
	}

	r.decode(r.json(r.owner, http.MethodPost, at+"/pay", `{"payment": "bank-1"}`), &bill)
	if a := r.json(r.owner, http.MethodPost, at+"/void", `{"reason": "a mistake"}`); a.status != http.StatusConflict {
		t.Errorf("void after payment: %d", a.status)
	}
	var note CreditNote
	r.decode(r.json(r.owner, http.MethodPost, at+"/credit-notes",
		`{"reference": "ticket-17", "amount": "2.50", "reason": "outage"}`), &note)
	var notes CreditNotePage
	r.decode(r.json(keys[access.Viewer], http.MethodGet, at+"/credit-notes", ""), &notes)
	if note.Number != "CN-00000001" || len(notes.Items) != 1 {
		t.Errorf("note %+v, notes %+v", note, notes)
	}
	var page BillPage
	r.decode(r.json(r.owner, http.MethodGet, "/api/v1/billing/bills?status=paid&tenant_id="+string(acme.ID), ""), &page)
	if len(page.Items) != 1 || deref(page.Items[0].Payment) != "bank-1" {
		t.Errorf("paid bills %+v", page)
	}
	r.decode(r.json(r.owner, http.MethodGet, "/api/v1/billing/bills?start=2026-04-01T00:00:00Z", ""), &page)
	if len(page.Items) != 0 {
		t.Errorf("bills from April on %+v", page)
	}
}

// A run is asked for, worked on by the job, and says whom it has parked.
func TestBillRunOverHTTP(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	r.used("acme", "2026-03-10T09:00:00Z", 1100)
	r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", standardPlan)
	r.json(r.owner, http.MethodPost, "/api/v1/tenants", `{"name": "tokyo", "currency": "JPY"}`)
	if a := r.json(keys[access.Tenant], http.MethodPost, "/api/v1/billing/run", `{"month": "2026-03"}`); a.status != 403 {
		t.Errorf("a tenant bills everybody: %d", a.status)
	}
	for _, month := range []string{"2026-13", "march", "2026-3", "1066-10"} {
		a := r.json(r.owner, http.MethodPost, "/api/v1/billing/run", fmt.Sprintf(`{"month": %q}`, month))
		if a.status != http.StatusBadRequest && a.status != http.StatusUnprocessableEntity {
			t.Errorf("month %q: %d %s", month, a.status, a.body)
		}
	}
	var run, same BillRun
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/billing/run", `{"month": "2026-03", "finalize": true}`), &run)
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/billing/run", `{"month": "2026-03", "finalize": true}`), &same)
	if diff := cmp.Diff(run, same); diff != "" || run.Status != Running || run.Tenants != 2 {
		t.Errorf("asked twice:\n%s", diff)
	}
	if a := r.json(r.owner, http.MethodPost, "/api/v1/billing/run", `{"month": "2026-03"}`); a.status != http.StatusConflict {
		t.Errorf("another run of the month: %d", a.status)
	}
	if err := r.jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.jobs.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	deadline := time.Now().Add(time.Minute)
	for run.Status != Finished && time.Now().Before(deadline) {
		r.decode(r.json(r.owner, http.MethodGet, "/api/v1/billing/runs/"+run.ID, ""), &run)
	}
	if run.Final != 1 || run.Parked != 1 || run.Done != 2 || (*run.ParkedTenants)[0].Tenant != "tokyo" ||
		!strings.Contains((*run.ParkedTenants)[0].Problem, "JPY") {
		t.Errorf("run %+v", run)
	}
	var all BillRunPage
	r.decode(r.json(r.owner, http.MethodGet, "/api/v1/billing/runs", ""), &all)
	if len(all.Items) != 1 || all.Items[0].ID != run.ID {
		t.Errorf("runs %+v", all)
	}
}

// Plans are compared on a tenant's past, on usage that is made up, and on both.
func TestSimulateOverHTTP(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	_, others := r.tenant("zeta")
	r.used("acme", "2026-03-10T09:00:00Z", 1100)
	var plan Plan
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", standardPlan), &plan)
	var bill Bill
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/billing/calculate", marchBill), &bill)
	simulate := func(key, body string) said {
		return r.json(key, http.MethodPost, "/api/v1/pricing/simulate", body)
	}
	const march = `"period_start": "2026-03-01", "period_end": "2026-04-01"`
	inline := `{"plan": {"name": "ours", "currency": "USD", "price_per_invocation": "0.02"}}`
	stored := fmt.Sprintf(`{"plan_id": %q}`, plan.ID)
	var got Simulation
	r.decode(simulate(keys[access.Viewer], `{"tenant_id": "acme", `+march+`,
		"plans": [`+stored+`, {"preset": "aws-lambda-x86"}, `+inline+`]}`), &got)
	if total := got.Results[0].Statement.Total; !total.Equal(bill.TotalAmount) {
		t.Errorf("simulated %s, billed %s", total, bill.TotalAmount)
	}
	if got.Results[1].Difference.String() != "-10" || got.Results[2].Difference.String() != "12" {
		t.Errorf("results %+v", got.Results)
	}
	usage := `"usage": [{"meter": "invocations", "quantity": "900", "service": "new"}]`
	r.decode(simulate(keys[access.Viewer], `{`+march+`, "plans": [`+inline+`], `+usage+`}`), &got)
	if total := got.Results[0].Statement.Total.String(); total != "18" {
		t.Errorf("made up: %s", total)
	}
	r.decode(simulate(keys[access.Viewer], `{"tenant_id": "acme", `+march+`, "plans": [`+inline+`], `+usage+`}`), &got)
	if total := got.Results[0].Statement.Total.String(); total != "40" {
		t.Errorf("both: %s", total)
	}
	refuse := func(status int, key, body string) {
		t.Helper()
		if a := simulate(key, body); a.status != status {
			t.Errorf("%s: %d %s, want %d", body, a.status, a.body, status)
		}
	}
	refuse(404, others[access.Viewer], `{"tenant_id": "acme", `+march+`, "plans": [`+inline+`]}`)
	// A plan of one tenant's own is nobody else's, by its id or by naming the tenant.
	var own Plan
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", `{"name": "agreed", "currency": "USD",
		"tenant_id": "acme", "price_per_invocation": "0.005", "active": false}`), &own)
	r.decode(simulate(keys[access.Viewer], `{`+march+`, "plans": [{"plan_id": "`+own.ID+`"}], `+usage+`}`), &got)
	refuse(404, others[access.Viewer], `{`+march+`, "plans": [{"plan_id": "`+own.ID+`"}], `+usage+`}`)
	refuse(404, others[access.Viewer], `{`+march+`, "plans": [{"plan": {"name": "ours", "currency": "USD",
		"tenant_id": "acme", "price_per_invocation": "0.02"}}], `+usage+`}`)
	refuse(422, r.owner, `{`+march+`, "plans": [{"preset": "aws-lambda-x86", "plan_id": "x"}]}`)
	refuse(404, r.owner, `{`+march+`, "plans": [{"preset": "no-such-cloud"}]}`)
	refuse(404, r.owner, `{`+march+`, "plans": [{"plan_id": "`+plan.ID+`", "version": 9}]}`)
	refuse(422, r.owner, `{`+march+`, "plans": [`+inline+`],
		"usage": [{"meter": "invocations", "quantity": "1", "at": "2026-04-01T00:00:00Z"}]}`)
}

// A new version prices from today on unless it says otherwise, and a tenant
// moves between plans on a day.
func TestPlanVersionsOverHTTP(t *testing.T) {
	r := serve(t)
	r.tenant("acme")
	r.used("acme", "2026-03-10T09:00:00Z", 1100)
	r.used("acme", "2026-03-20T09:00:00Z", 100)
	var plan, other Plan
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", standardPlan), &plan)
	r.decode(r.json(r.owner, http.MethodPut, "/api/v1/pricing/plans/"+plan.ID, `{"name": "standard", "currency": "USD",
		"price_per_invocation": "1", "minimum_per_month": "5", "reason": "dearer"}`), &plan)
	today := time.Now().UTC().Format(time.DateOnly)
	if deref(plan.EffectiveFrom) != today || deref(plan.Reason) != "dearer" || deref(plan.CreatedBy) == "" ||
		plan.MinimumPerMonth.String() != "5" {
		t.Errorf("version %+v", plan)
	}
	var bill Bill
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/billing/calculate", marchBill), &bill)
	if bill.PlanVersion != 1 || bill.TotalAmount.String() != "11" {
		t.Errorf("history was priced anew: %+v", bill)
	}
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", `{"name": "other", "currency": "USD",
		"price_per_invocation": "0.05", "active": false}`), &other)
	var a PlanAssignment
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/tenants/acme/plans",
		fmt.Sprintf(`{"plan_id": %q, "effective_from": "2026-03-15", "reason": "grown"}`, other.ID)), &a)
	r.decode(r.json(r.owner, http.MethodPost, "/api/v1/billing/calculate", marchBill), &bill)
	if len(*bill.Parts) != 2 || bill.TotalAmount.String() != "15" {
		t.Errorf("moved: %+v", bill) // 1000 × 0.01 before, 100 × 0.05 after.
	}
	var all PlanAssignmentPage
	r.decode(r.json(r.owner, http.MethodGet, "/api/v1/tenants/acme/plans", ""), &all)
	if len(all.Items) != 1 || all.Items[0].Reason != "grown" || all.Items[0].CreatedBy == "" {
		t.Errorf("assignments %+v", all)
	}
}

// The short form of a plan says a price only where it says all of it, and a plan
// that was read can be sent back.
func TestPlanReadAndSentBack(t *testing.T) {
	r := serve(t)
	r.tenant("acme")
	f := func(body, short string) {
		t.Helper()
		var plan, again Plan
		r.decode(r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", body), &plan)
		var got []string
		for _, d := range []*Decimal{
			plan.PricePerInvocation, plan.FreeTierInvocations, plan.PricePerMbMs, plan.FreeTierMbMs,
			plan.PricePerCPUMs, plan.PricePerColdStart,
		} {
			text := "-"
			if d != nil {
				text = d.String()
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(short, strings.Join(got, " ")); diff != "" {
			t.Errorf("short form of %s (-want +got):\n%s", body, diff)
		}
		at := "/api/v1/pricing/plans/" + plan.ID
		read := r.json(r.owner, http.MethodGet, at, "")
		r.decode(r.json(r.owner, http.MethodPut, at, read.body), &again)
		plan.Version, plan.CreatedAt = plan.Version+1, again.CreatedAt
		plan.EffectiveFrom = again.EffectiveFrom // Today, where the first version had none.
		if diff := cmp.Diff(plan, again); diff != "" {
			t.Errorf("sent back %s (-want +got):\n%s", body, diff)
		}
	}
	f(standardPlan, "0.01 100 - - - -")
	f(`{"name": "own", "currency": "USD", "tenant_id": "acme", "minimum_per_month": "5",
		"price_per_mb_ms": "0.5", "rates": [{"meter": "cold_starts", "price": "2"}]}`, "- - 0.5 0 - 2")
	rate := func(rate string) string { return `{"name": "n", "currency": "USD", "rates": [` + rate + `]}` }
	f(rate(`{"meter": "invocations", "kind": "graduated",
		"tiers": [{"up_to": "100", "price": "1"}, {"from": "100", "price": "0.5"}]}`), "- - - - - -")
	f(rate(`{"meter": "invocations", "price": "1", "per": "100"}`), "- - - - - -")
	f(rate(`{"meter": "invocations", "kind": "package", "price": "1"}`), "- - - - - -")
	f(rate(`{"meter": "invocations", "price": "1", "minimum_per_month": "3"}`), "- - - - - -")
	f(rate(`{"meter": "cpu_ms", "price": "1", "free_per_month": "3"}`), "- - - - - -")
	f(rate(`{"meter": "invocations", "price": "2", "where": {"services": ["web"]}},
		{"name": "other", "meter": "invocations", "price": "1"}`), "- - - - - -")
	unequal := `{"name": "n", "currency": "USD", "price_per_invocation": "2",
		"rates": [{"meter": "invocations", "price": "1"}]}`
	if a := r.json(r.owner, http.MethodPost, "/api/v1/pricing/plans", unequal); a.status != http.StatusUnprocessableEntity {
		t.Errorf("two prices of one meter: %d %s", a.status, a.body)
	}
}
