package pricing_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"invoq/pricing"
	"invoq/pricing/pricingtest"
)

// TestDocs runs the examples of the documentation: every code block in it is
// a script. -update writes their results anew.
func TestDocs(t *testing.T) {
	for file, prices := range map[string]int{"../docs/pricing.md": 21, "pricingtest/README.md": 2} {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(src), "```\n")
		ran := 0
		for i := 1; i < len(parts); i += 2 {
			report := pricingtest.Check(file, []byte(parts[i]))
			ran += report.Prices
			if *update && report.Updated != nil {
				parts[i] = string(report.Updated)
				continue
			}
			line := strings.Count(strings.Join(parts[:i], "```\n"), "\n") + 1
			for _, f := range report.Failures {
				f.Line += line
				t.Error(f)
			}
		}
		if ran != prices {
			t.Errorf("%s: %d prices, want %d", file, ran, prices)
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.Join(parts, "```\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDocsJSON: every rate that the documentation shows as JSON is one.
func TestDocsJSON(t *testing.T) {
	src, err := os.ReadFile("../docs/pricing.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("`(\\{\"(?:name|meter)\"[^`]*)`").FindAllSubmatch(src, -1)
	if len(shown) != 12 {
		t.Errorf("%d rates are shown, want 12", len(shown))
	}
	for _, m := range shown {
		rates := string(m[1])
		if strings.Contains(rates, `"included_in":"base"`) {
			rates = `{"name":"base","kind":"flat","price":"1"},` + rates
		}
		if _, err := pricing.ParsePlan([]byte(`{"name":"p","currency":"USD","rates":[` + rates + `]}`)); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
}
