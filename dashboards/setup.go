package dashboards

import (
	"fmt"
	"strconv"

	"invoq"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Setup says what to do next where there is nothing to show yet.
type Setup struct {
	Title string
	Text  string
	Steps []Step
}

// Step is one thing to do, with text to copy.
type Step struct {
	Title string
	Text  string
	// ID names the snippet in the page.
	ID      string
	Snippet string
}

// ownerSetup leads from an empty server to the first figures.
func ownerSetup(site Site) *Setup {
	return &Setup{
		Title: "Nothing has been counted yet",
		Text: "Three steps lead to the first figures. " +
			"Tenants and services register themselves with their first sample.",
		Steps: []Step{
			keyStep(site, ""),
			prometheusStep(site),
			planStep(site, invoq.DefaultCurrency),
		},
	}
}

// tenantSetup leads a tenant to its first figures.
func tenantSetup(site Site, tenant invoq.Tenant) *Setup {
	return &Setup{
		Title: "No usage this month",
		Text: "Nothing of this tenant has been counted since the month began. " +
			"If its functions are running, let a Prometheus send their metrics here.",
		Steps: []Step{keyStep(site, tenant.Name), prometheusStep(site)},
	}
}

// keyStep makes a key that may only push samples, for all tenants or for one.
// $INVOQ_KEY keeps the owner's key itself out of the snippet.
func keyStep(site Site, tenant invoq.TenantName) Step {
	body := `{"name": "prometheus", "role": "ingest"}`
	text := "It may push samples and nothing else. $INVOQ_KEY is your own key."
	if tenant != "" {
		body = fmt.Sprintf(
			`{"name": "prometheus", "role": "ingest", "tenant_id": %s}`,
			quoteJSON(string(tenant)),
		)
		text = "It may push samples of this tenant and nothing else. $INVOQ_KEY is your own key."
	}
	return Step{
		Title: "Make a key for Prometheus", Text: text, ID: "setup-key",
		Snippet: fmt.Sprintf("curl %s/api/v1/keys \\\n  -H \"Authorization: Bearer $INVOQ_KEY\" \\\n"+
			"  -H 'Content-Type: application/json' \\\n  -d %s", site.base, quoteShell(body)),
	}
}

// prometheusStep says how samples get here.
func prometheusStep(site Site) Step {
	return Step{
		Title: "Point Prometheus here",
		Text:  "Add this to prometheus.yml, with the secret of the key. Usage is counted every five minutes.",
		ID:    "setup-prometheus",
		Snippet: fmt.Sprintf("remote_write:\n  - url: %s/api/v1/write\n    authorization:\n"+
			"      credentials_file: /etc/prometheus/invoq.key", site.base),
	}
}

// planStep makes a plan that all tenants of the currency can be priced by.
func planStep(site Site, c invoq.Currency) Step {
	return Step{
		Title: "Say what usage costs",
		Text: "A shared plan prices every tenant that is billed in its currency. " +
			"These prices are an example: put in your own.",
		ID: "setup-plan",
		Snippet: fmt.Sprintf(
			"curl %s/api/v1/pricing/plans \\\n  -H \"Authorization: Bearer $INVOQ_KEY\" \\\n"+
				"  -H 'Content-Type: application/json' \\\n  -d %s",
			site.base,
			quoteShell(fmt.Sprintf(`{
  "name": "standard",
  "currency": "%s",
  "price_per_invocation": "0.0000002",
  "price_per_mb_ms": "0.0000000000162760417",
  "free_tier_invocations": "1000000",
  "free_tier_mb_ms": "409600000000"
}`, c)),
		),
	}
}
