package catalogue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
)

func day(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }

const prices = `resource,provider,service,cost,per,model,factor,from,tenant
AI_TOKENS,openai,gpt-4,0.012,1000,MARKUP,1.5,,
AI_TOKENS,openai,gpt-4,0.010,1000,MARKUP,1.5,2026-03-10,
AI_TOKENS,openai,gpt-4,0.012,1000,FREE,,,school
AI_TOKENS,openai,,0.020,1000,MARKUP,2,,
STORAGE_MB,,,0.10,,MARKUP,1,,
API_REQUEST,,,0.001,,MARKUP,2,,
API_REQUEST,,batch,0.001,,SUBSIDIZED,0.25,,
COMPUTE_SECONDS,,,0.05,,FIXED,,,
BANDWIDTH_MB,,,0.3,,,,,
PAYMENT_TX,,,0.25,,FREE,,2026-03-05,
`

func read(t *testing.T) *Catalogue {
	t.Helper()
	items, err := ReadCSV(strings.NewReader(prices))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(7, "USD", items)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The models of the specification: real cost and what is billed.
func TestCharge(t *testing.T) {
	c := read(t)
	f := func(tenant, provider, service string, m invoq.Meter, q string, at int, want string) {
		t.Helper()
		charge, ok := c.Charge(Usage{
			invoq.TenantName(tenant), provider, service, m, invoq.MustDecimal(q), day(at),
		})
		got := fmt.Sprintf("%s → %s %s", charge.RealCost, charge.BilledCost, charge.Model)
		switch {
		case !ok:
			got = "no cost"
		case !charge.Priced:
			got = charge.RealCost.String() + ", no price"
		}
		if got != want {
			t.Errorf("%s of %s %s %s for %s on day %d: %s, want %s",
				q, m, provider, service, tenant, at, got, want)
		}
	}
	f("acme", "openai", "gpt-4", invoq.AITokens, "1000", 1, "0.012 → 0.018 MARKUP")
	f("acme", "openai", "gpt-4", invoq.AITokens, "1000", 9, "0.012 → 0.018 MARKUP")
	f("acme", "openai", "gpt-4", invoq.AITokens, "1000", 10, "0.01 → 0.015 MARKUP")
	f("acme", "openai", "gpt-3.5", invoq.AITokens, "1000", 1, "0.02 → 0.04 MARKUP")
	f("acme", "other", "gpt-4", invoq.AITokens, "1000", 1, "no cost")
	f("school", "openai", "gpt-4", invoq.AITokens, "1000", 20, "0.012 → 0 FREE")
	f("acme", "", "disk", invoq.StorageMB, "1", 1, "0.1 → 0.1 MARKUP")
	f("acme", "x", "api", invoq.APIRequest, "1", 1, "0.001 → 0.002 MARKUP")
	f("acme", "x", "batch", invoq.APIRequest, "3", 1, "0.003 → 0.00075 SUBSIDIZED")
	f("acme", "", "fn", invoq.ComputeSeconds, "10", 1, "0.5 → 0 FIXED")
	f("acme", "", "cdn", invoq.BandwidthMB, "2", 1, "0.6, no price")
	f("acme", "", "pay", invoq.PaymentTx, "1", 4, "no cost")
	f("acme", "", "pay", invoq.PaymentTx, "-1", 5, "-0.25 → 0 FREE")
}

func TestInvalidCatalogues(t *testing.T) {
	f := func(text, says string) {
		t.Helper()
		items, err := ReadCSV(strings.NewReader(text))
		if err == nil {
			_, err = New(1, "USD", items)
		}
		if invoq.KindOf(err) != invoq.KindUnprocessable || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	f("", "line of names")
	f("resource\nAI_TOKENS\n", "required")
	f("resource,price\n", `"price" is not one of`)
	f("resource,cost,cost\n", "twice")
	f("resource,cost\nAI_TOKENS,\n", "line 2")
	f("resource,cost\nAI\"TOKENS,1\n", "CSV cannot be read: parse error on line 2")
	f("resource,cost\nAI_TOKENS\n", "wrong number of fields")
	f("resource,cost\nAI_TOKENS,-1\n", "negative")
	f("resource,cost\nAI_TOKENS,NaN\n", "line 2")
	f("resource,cost\nTOKENS,1\n", "item 1: resource")
	f("resource,cost\nM\xfcnze,1\n", `line 2: resource: "M\xfcnze" is not UTF-8`)
	f("resource,cost,per\nAI_TOKENS,1,3\n", "not exact")
	f("resource,cost,per\nAI_TOKENS,1,-3\n", "negative")
	f("resource,cost,model\nAI_TOKENS,1,CHEAP\n", "model")
	f("resource,cost,model,factor\nAI_TOKENS,1,MARKUP,0.9\n", "less than 1")
	f("resource,cost,model,factor\nAI_TOKENS,1,SUBSIDIZED,1\n", "SUBSIDIZED")
	f("resource,cost,model,factor\nAI_TOKENS,1,FREE,1\n", "no factor")
	f("resource,cost,from\nAI_TOKENS,1,tomorrow\n", "tomorrow")
	f("resource,cost\nAI_TOKENS,1\nAI_TOKENS,2\n", "item 2: an item before it")
	f("resource,cost\nAI_TOKENS\n", "CSV")
}

// CSV and JSON say the same, and what is written is read back.
func TestJSONIsCSV(t *testing.T) {
	want, err := ReadCSV(strings.NewReader(
		"resource,provider,cost,per,model,factor,from\nAI_TOKENS,openai,0.012,1000,MARKUP,1.5,2026-03-01\n"))
	if err != nil {
		t.Fatal(err)
	}
	currency, got, err := ReadJSON(strings.NewReader(`{"currency":"EUR","items":[{"resource":"AI_TOKENS",
		"provider":"openai","cost":"0.012","per":1000,"model":"MARKUP","factor":1.5,"from":"2026-03-01T00:00:00Z"}]}`))
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Item{})); err != nil || diff != "" || currency != "EUR" {
		t.Errorf("%v %s\n%s", err, currency, diff)
	}
	for _, bad := range []string{
		`{"items":[{"resource":"AI_TOKENS"}]}`, `{"items":[{"resource":"AI_TOKENS","price":1}]}`, `[]`,
	} {
		if _, _, err := ReadJSON(strings.NewReader(bad)); invoq.KindOf(err) != invoq.KindUnprocessable {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
