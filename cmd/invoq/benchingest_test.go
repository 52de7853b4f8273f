package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"invoq/internal/benchingest"
	"invoq/postgres/private"
)

// TestBenchIngest runs the comparison with the smallest load, against whatever
// servers are here. It fails by itself when one has not stored every sample.
func TestBenchIngest(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs servers for some seconds")
	}
	var out, progress strings.Builder
	// Load a is of a quarter of an hour. A Prometheus takes nothing that is an hour
	// behind, as parts of the longer loads may be where connections keep no pace.
	err := benchingest.Run(t.Context(), []string{
		"-invoq", "invoq", "-loads", "a", "-scale", "0.001", "-rounds", "1", "-settle", "0s",
	}, &out, &progress)
	if err != nil && strings.Contains(err.Error(), private.ErrNoBinaries.Error()) &&
		os.Getenv("INVOQ_TEST_REQUIRE") == "" {
		t.Skip(private.ErrNoBinaries)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		// Samples per second of CPU and of the clock, memory, disk, p99.
		`(?m)^ *invoq RW 1\.0( +[0-9.]+){5}`, `(?m)^ *invoq RW 2\.0( +[0-9.]+){5}`,
		`(?m)^ *invoq RW 2\.0 / invoq RW 1\.0( +x[0-9.]+){5}`,
	} {
		if !regexp.MustCompile(row).MatchString(out.String()) {
			t.Errorf("no line matches %s in:\n%s", row, out.String())
		}
	}
}
