package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// marginRow is a row of margins as the API answers it.
type marginRow struct {
	Key, Name, Currency string
	Entries, Unpriced   int64
	RealCost            string `json:"real_cost"`
	BilledCost          string `json:"billed_cost"`
	Margin              string
	Loses               bool
}

// One user pays too little, one enough and one for something without a price:
// the table says so, however it is cut, and its totals are those of the book.
func TestMarginsAndTraces(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a server for some seconds")
	}
	s := start(t)
	s.post("/api/v1/costs", map[string]any{"currency": "USD", "csv": strings.Join([]string{
		"resource,provider,service,cost,per,model,factor",
		"AI_TOKENS,openai,gpt-4,0.012,1000,MARKUP,1.5",
		"API_REQUEST,,,0.001,,MARKUP,2",
		"STORAGE_MB,,,0.10,,SUBSIDIZED,0.4",
		"BANDWIDTH_MB,,,0.02,,,",
	}, "\n")}, nil)
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	event := func(id, user, resource, service, quantity string) string {
		return fmt.Sprintf(`{"tenant_id":"acme","userId":%q,"resourceType":%q,"provider":"openai",
			"service":%q,"quantity":%s,"requestId":%q,"timestamp":%q}`,
			user, resource, service, quantity, id, at.Format(time.RFC3339))
	}
	a, _ := s.do(http.MethodPost, "/metrics/collect", []byte("["+strings.Join([]string{
		event("1", "ann", "AI_TOKENS", "gpt-4", "1000"), // 0.012 → 0.018
		event("2", "ann", "API_REQUEST", "api", "1"),    // 0.001 → 0.002
		event("3", "bob", "STORAGE_MB", "disk", "1"),    // 0.10 → 0.04
		event("4", "eve", "BANDWIDTH_MB", "cdn", "3"),   // 0.06 → no price
		event("5", "eve", "PAYMENT_TX", "pay", "1"),     // no cost
	}, ",")+"]"), "Content-Type", "application/json")
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.waitForEntries(5)
	period := "&start=" + at.Add(-time.Hour).Format(time.RFC3339) + "&end=" + at.Add(time.Hour).Format(time.RFC3339)
	margins := func(query string) (totals, rows []marginRow) {
		t.Helper()
		var answer struct{ Totals, Rows []marginRow }
		s.get("/api/v1/margins?"+query+period, &answer)
		for i := range answer.Rows {
			answer.Rows[i].Key = ""
		}
		return answer.Totals, answer.Rows
	}
	want := []marginRow{{
		Currency: "USD", Entries: 5, Unpriced: 2,
		RealCost: "0.173", BilledCost: "0.06", Margin: "-0.113", Loses: true,
	}}
	for _, by := range []string{"user", "tenant", "service", "resource", "day", "month"} {
		totals, rows := margins("by=" + by)
		if diff := cmp.Diff(want, totals); diff != "" {
			t.Errorf("totals by %s: %s", by, diff)
		}
		var entries int64
		for _, r := range rows {
			entries += r.Entries
		}
		if entries != 5 {
			t.Errorf("by %s the rows have %d entries", by, entries)
		}
	}
	_, users := margins("by=user&tenant_id=acme")
	wantUsers := []marginRow{
		{Name: "bob", Currency: "USD", Entries: 1, RealCost: "0.1", BilledCost: "0.04", Margin: "-0.06", Loses: true},
		{Name: "eve", Currency: "USD", Entries: 2, Unpriced: 2, RealCost: "0.06", BilledCost: "0",
			Margin: "-0.06", Loses: true},
		{Name: "ann", Currency: "USD", Entries: 2, RealCost: "0.013", BilledCost: "0.02", Margin: "0.007"},
	}
	byName := func(rows []marginRow) map[string]marginRow {
		all := map[string]marginRow{}
		for _, r := range rows {
			all[r.Name] = r
		}
		return all
	}
	if diff := cmp.Diff(byName(wantUsers), byName(users)); diff != "" {
		t.Error(diff)
	}
	if _, losing := margins("by=user&losing=true"); len(losing) != 2 {
		t.Errorf("%d users lose, want 2", len(losing))
	}
	for id, want := range map[string]string{"1": "priced", "4": "posted", "5": "posted", "6": "unknown"} {
		var trace struct {
			State   string
			Entries []struct{ Unpriced string }
		}
		s.get("/api/v1/events/"+id+"/trace?tenant_id=acme", &trace)
		if trace.State != want {
			t.Errorf("event %s is %q, want %q: %+v", id, trace.State, want, trace)
		}
	}
	for _, args := range [][]string{{"verify"}, {"prove", "acme", "1"}} {
		code, _, errs := command(t, nil, append(args, "--data", s.data)...)
		if code != exitUsage || !strings.Contains(errs, "stop the server first") {
			t.Errorf("%v beside a running server: exit %d: %s", args, code, errs)
		}
	}
	s.stop()
	s.proveAndCheck("acme", "1")
}

// What a function uses is billed by the tenant's plan: margins have its price,
// each entry what it adds to the month.
func TestMarginsByPlan(t *testing.T) {
	s := start(t)
	s.post("/api/v1/pricing/plans", map[string]any{
		"name": "standard", "currency": "USD", "price_per_invocation": "0.5", "free_tier_invocations": "100",
		"active": true,
	}, nil)
	// Both in one hour, and so in one month.
	at := time.Now().UTC().Truncate(time.Hour)
	tell := func(id string, invocations int) answer {
		t.Helper()
		event := fmt.Sprintf(`{"tenant_id":"acme","service_name":"waiter","invocations":%d,
			"request_id":%q,"timestamp":%q}`, invocations, id, at.Format(time.RFC3339))
		a, _ := s.do(http.MethodPost, "/metrics/collect", []byte(event), "Content-Type", "application/json")
		return a
	}
	for i, invocations := range []int{90, 20} {
		if a := tell(strconv.Itoa(i+1), invocations); a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	s.waitForEntries(2)
	var margins struct{ Rows []marginRow }
	s.get("/api/v1/margins?by=service&start="+at.Add(-time.Hour).Format(time.RFC3339)+
		"&end="+at.Add(time.Hour).Format(time.RFC3339), &margins)
	want := []marginRow{{
		Key: "waiter", Name: "waiter", Currency: "USD", Entries: 2, Unpriced: 2,
		RealCost: "0", BilledCost: "5", Margin: "5",
	}}
	if diff := cmp.Diff(want, margins.Rows); diff != "" {
		t.Errorf("margins (-want +got):\n%s", diff)
	}
	var trace struct{ Entries []map[string]any }
	s.get("/api/v1/events/2/trace?tenant_id=acme", &trace)
	if len(trace.Entries) != 1 || trace.Entries[0]["model"] != "PLAN" || trace.Entries[0]["billed_cost"] != "5" {
		t.Errorf("the second event's trace is %v", trace.Entries)
	}
	viewer := s.newKey(t, "acme", "viewer")
	seen, _ := s.do(http.MethodGet, "/api/v1/events/2/trace", nil, "Authorization", "Bearer "+viewer)
	if text := string(seen.body); !strings.Contains(text, "billed_cost") || strings.Contains(text, "model") {
		t.Errorf("a viewer is told %s", text)
	}
	if a := tell("bill:1", 1); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an event under a bill's request id: %d %s", a.status, a.body)
	}
}

// proveAndCheck has an event proved, checks the proof without a database, and
// that a proof of something else fails.
func (s *server) proveAndCheck(tenant, request string) {
	s.t.Helper()
	invoq := func(args ...string) (string, error) {
		out, err := exec.CommandContext(s.t.Context(), "invoq", args...).CombinedOutput()
		return string(out), err
	}
	proof, err := invoq("prove", tenant, request, "--data", s.data)
	if err != nil {
		s.t.Fatalf("prove: %v\n%s", err, proof)
	}
	file := filepath.Join(s.t.TempDir(), "proof.json")
	check := func(text string) (string, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
		return invoq("verify", "--data", s.data, "--proof", file)
	}
	if out, err := check(proof); err != nil || !strings.Contains(out, "ok: entry 0 is in the ledger of") {
		s.t.Errorf("check: %v\n%s", err, out)
	}
	moved := strings.Replace(proof, `"position": 0`, `"position": 1`, 1)
	if out, err := check(moved); !exits(err, exitFailure) || !strings.Contains(out, "does not lead") {
		s.t.Errorf("a proof of another entry: %v\n%s", err, out)
	}
	if out, err := check("[]"); !exits(err, exitUsage) || !strings.Contains(out, "has no proofs") {
		s.t.Errorf("a file without proofs: %v\n%s", err, out)
	}
	if out, err := invoq("prove", tenant, "nothing", "--data", s.data); !exits(err, exitUsage) {
		s.t.Errorf("what is not in the ledger is proved: %v\n%s", err, out)
	}
}

// exits reports whether a command has ended with the exit code.
func exits(err error, code int) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == code
}
