package pricing_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"invoq/pricing/pricingtest"
)

var update = flag.Bool("update", false, "write the results of testdata/*.test anew")

// TestScripts runs the golden scripts. A changed price shows as a diff of
// their text after go test -update.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.test")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	report := pricingtest.Check(file, src)
	if *update && report.Updated != nil && !bytes.Equal(report.Updated, src) {
		if err := os.WriteFile(file, report.Updated, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, f := range report.Failures {
		t.Error(f)
	}
	if report.Prices == 0 {
		t.Error("the script prices nothing")
	}
}
