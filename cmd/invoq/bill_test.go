package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"invoq"
	"invoq/internal/pgtest"
	"invoq/postgres"
)

// A month is billed, explained and checked from the command line, by a server in
// a process of its own.
func TestBillCommands(t *testing.T) {
	url := pgtest.URL(t)
	db, err := postgres.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := start(t, "--database-url", url)
	month := time.Now().UTC().AddDate(0, 0, -time.Now().UTC().Day()) // The last day of the month before.
	at := invoq.Window5m.Floor(month)
	use := func(n int64) {
		t.Helper()
		window := invoq.Interval{Start: at, End: at.Add(5 * time.Minute)}
		if err := db.StoreWindows(t.Context(), postgres.Windows{
			Interval: window, Tenants: []invoq.TenantName{"acme"},
			Rows: []invoq.Usage{{
				Interval: window, Tenant: "acme", Service: "waiter", Revision: "waiter-00001",
				Quantities: invoq.Quantities{Invocations: invoq.NewDecimal(n, 0)},
			}},
			Watched: map[invoq.TenantName]time.Time{"acme": at},
		}); err != nil {
			t.Fatal(err)
		}
		// How far usage is counted; the month's last window is closed days after it.
		if err := db.AggregatedUntil(t.Context(), at.AddDate(0, 1, 0)); err != nil {
			t.Fatal(err)
		}
		s.post("/api/v1/metrics/aggregate", nil, nil)
	}
	use(1100)
	s.post("/api/v1/costs", map[string]any{"currency": "USD", "items": []map[string]any{
		{"resource": "AI_TOKENS", "cost": "0.5", "model": "MARKUP", "factor": "2"},
	}}, nil)
	event := fmt.Sprintf(`{"tenant_id":"acme","resourceType":"AI_TOKENS","service":"gpt-4","quantity":3,
		"requestId":"1","timestamp":%q}`, at.Format(time.RFC3339))
	a, _ := s.do(http.MethodPost, "/api/v1/usage", []byte(event), "Content-Type", "application/json")
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.waitForEntries(2)
	s.post("/api/v1/pricing/plans", map[string]any{
		"name": "standard", "currency": "USD", "price_per_invocation": "0.01", "free_tier_invocations": "100",
	}, nil)
	bill := func(wantCode int, want []string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		args = append([]string{"bill"}, args...)
		args = append(args, "--url", s.url, "--key-file", filepath.Join(s.data, "owner.key"))
		code := run(t.Context(), args, stdio{nil, &out, &out})
		if code != wantCode {
			t.Errorf("%v exits with %d, want %d:\n%s", args, code, wantCode, &out)
		}
		for _, line := range want {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%v does not say %q:\n%s", args, line, &out)
			}
		}
	}
	bill(0, []string{"1 tenant: 0 drafts, 1 final, 0 kept, 0 parked"}, "run", month.Format("2006-01"), "--finalize")
	bill(0, []string{
		"bill INV-00000001, final: 13 USD", "1100 invocations, 100 free, 1000 billable", "by plan standard, version 1",
		"/waiter waiter-00001  1100 in 1 entry, ",
		"by the cost catalogue, up to version 1", "/gpt-4   3 in 1 entry, ",
	}, "explain", "INV-00000001", "--entries")
	bill(0, []string{"same bytes"}, "recompute", "INV-00000001")
	use(1150)
	bill(0, []string{"same bytes", "correction", "quantity 50, amount 0.5"}, "recompute", "INV-00000001")
	s.post("/api/v1/tenants", map[string]any{"name": "tokyo", "currency": "JPY"}, nil)
	bill(exitFailure, []string{"1 kept, 1 parked", "parked tokyo: no active plan in JPY"}, "run", month.Format("2006-01"))
	bill(exitUsage, []string{`no bill "INV-2"`}, "explain", "INV-2")
	bill(exitUsage, nil, "run", "2026-13")
	if a, ok := s.do(http.MethodGet, "/api/v1/billing/runs", nil); !ok || strings.Count(string(a.body), `"finished"`) != 2 {
		t.Errorf("runs: %s", a.body)
	}
}
