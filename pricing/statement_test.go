package pricing_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/pricing"
)

// everyKind is a plan with a rate of each kind, as JSON, the form in which
// plans are stored.
const everyKind = `{"name":"every kind","currency":"USD","minimum_per_month":"1000","rates":[
  {"name":"base","kind":"flat","price":31},
  {"name":"advance","kind":"flat","price":7,"prorate":"arrears"},
  {"name":"spot","meter":"invocations","where":{"tags":{"spot":"true"}},"price":1,"per":1000,"spot_off":0.6,
   "discounts":[{"above":5000,"off":0.1}]},
  {"name":"requests","meter":"invocations","kind":"package","price":2,"per":1000,"free_per_month":500},
  {"meter":"mb_ms","kind":"graduated","per":1000,"tiers":[{"up_to":4000,"price":3},{"from":4000,"price":1}],
   "free_per_month":1000,"round":{"memory_step_mb":128}},
  {"meter":"cpu_ms","kind":"volume","tiers":[{"up_to":100,"price":0.03},{"from":100,"price":0.02}],"minimum_per_month":9},
  {"meter":"duration_ms","kind":"time_of_day","price":0.5,
   "windows":[{"name":"night","from":"22:00","to":"06:00","price":0.25}]},
  {"meter":"cold_starts","kind":"reserved","price":0.5,"overage":0.75,"committed":40,"free_per_month":2},
  {"meter":"STORAGE_MB","kind":"reserved","price":0.01,"overage":0.02,"committed":50},
  {"meter":"AI_TOKENS","kind":"MARKUP","factor":1.5},
  {"meter":"API_REQUEST","kind":"FIXED","included_in":"base"},
  {"meter":"BANDWIDTH_MB","kind":"FREE"}]}`

// everyUsage is usage before and inside the second half of January 2026.
func everyUsage() []pricing.Item {
	before := time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)
	within := time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC)
	batch := &pricing.Source{Service: "batch", Tags: map[string]string{"spot": "true"}}
	web := &pricing.Source{Namespace: "prod", Service: "web", Revision: "web-1"}
	var all []pricing.Item
	add := func(at time.Time, source *pricing.Source, m invoq.Meter, quantity string) *pricing.Item {
		all = append(all, pricing.Item{Interval: invoq.Interval{Start: at, End: at.Add(time.Hour)},
			Source: source, Meter: m, Quantity: invoq.MustDecimal(quantity)})
		return &all[len(all)-1]
	}
	add(before, batch, invoq.Invocations, "3000")
	add(within, batch, invoq.Invocations, "2500.5")
	add(before, web, invoq.Invocations, "700")
	add(within, web, invoq.Invocations, "1000")
	add(within, nil, invoq.Invocations, "300")
	add(before, web, invoq.MBMs, "4500")
	add(within, web, invoq.MBMs, "1000").Calls = &pricing.Calls{Count: invoq.NewDecimal(1, 0),
		DurationMs: invoq.NewDecimal(10, 0), MemoryMB: invoq.NewDecimal(100, 0)}
	add(within, web, invoq.MBMs, "7")
	add(before, web, invoq.CPUMs, "90")
	add(within, web, invoq.CPUMs, "20")
	add(before, web, invoq.DurationMs, "10")
	add(within, web, invoq.DurationMs, "20")
	add(within.Add(11*time.Hour), web, invoq.DurationMs, "40")
	add(before, web, invoq.ColdStarts, "32")
	add(within, web, invoq.ColdStarts, "20")
	add(within, web, invoq.StorageMB, "8")
	cost := invoq.MustDecimal("0.012")
	add(before, web, invoq.AITokens, "250").Cost = &cost
	add(within, web, invoq.AITokens, "1000").Cost = &cost
	add(within, web, invoq.AITokens, "9")
	add(within, web, invoq.APIRequest, "5")
	add(within, web, invoq.BandwidthMB, "6")
	add(before, web, invoq.Errors, "1")
	add(within, web, invoq.Errors, "3")
	return all
}

// TestStatementJSON: every field of a statement with every kind of rate and
// line, as it is stored. A change shows as a diff of the file after -update.
func TestStatementJSON(t *testing.T) {
	plan, err := pricing.ParsePlan([]byte(everyKind))
	if err != nil {
		t.Fatal(err)
	}
	period := pricing.NewMonth(2026, time.January, time.UTC)
	period.Start = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	st, err := pricing.Price(plan, period, everyUsage())
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetIndent("", "  ")
	if err := enc.Encode(st); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/statement.json"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("statement (-want +got):\n%s", diff)
	}
}
