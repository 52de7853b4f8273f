package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// The demo prints bills that add up, and counts what the trace and the simulated
// fleet really served, to the last invocation; its margins are what the simulated
// platform's events come to.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("replays millions of samples")
	}
	var out, log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "invoq", "demo", "--once", "--listen", "127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = &out, &log
	started := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &log, &out)
	}
	t.Logf("in %s:\n%s", time.Since(started).Round(time.Second), &out)
	for _, want := range []string{
		// Pods, truth, count, difference; then what increase() makes of it.
		`the trace +\d{4,} +(\d{6}) +(\d{6}) +0 +\d+ +-\d`,
		`simulated: .* +2000 +(\d{7}) +(\d{7}) +0 +\d+ +-\d`,
	} {
		m := regexp.MustCompile(want).FindStringSubmatch(out.String())
		if m == nil || m[1] != m[2] {
			t.Errorf("no line is like %q", want)
		}
	}
	for _, want := range []string{
		`user-\d{3} +simulated-tenant-\d +\d+\.\d\d +\d+\.\d\d +-\d+\.\d\d +loss`,
		`PAYMENT_TX +(\d+) +\d+ +0\.00 +0\.00 +0\.00 +unpriced`,
		// It says so only once it has held the sums against what was told.
		`Every sum is GET /api/v1/margins of the month`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no line is like %q", want)
		}
	}
	if !regexp.MustCompile(`(?m)^ +all +[1-9]\d*\.\d\d$`).MatchString(out.String()) {
		t.Error("no sum of all bills is printed")
	}
}
