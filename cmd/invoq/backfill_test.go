package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// command runs invoq and returns its exit code and what it wrote.
func command(t *testing.T, stdin []byte, args ...string) (code int, out, errs string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "invoq", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// history writes what a function counted, a request every 15 seconds for an
// hour, as OpenMetrics; from and to say of which quarters of the hour.
func history(hour time.Time, service string, from, to int) []byte {
	var b bytes.Buffer
	b.WriteString("# TYPE fn_requests counter\n")
	for i := from * 60; i < to*60; i++ {
		fmt.Fprintf(&b, "fn_requests_total{service=%q,pod=\"p1\"} %d %d\n", service, i+1,
			hour.Add(time.Duration(i)*15*time.Second).Unix()+1)
	}
	b.WriteString("# EOF\n")
	return b.Bytes()
}

// gzipped packs a text.
func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Old samples are stored by a running server and without one, once however often
// they are given, and all windows over them are counted; a copy of the samples
// starts a server that counts the same.
func TestBackfill(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs servers for some seconds")
	}
	s := start(t)
	hour := time.Now().UTC().Truncate(time.Hour).Add(-30 * time.Hour)
	file := filepath.Join(t.TempDir(), "old.om.gz")
	if err := os.WriteFile(file, gzipped(t, history(hour, "fn", 0, 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(stdin []byte, name, want, says string) {
		t.Helper()
		code, out, errs := command(t, stdin, "backfill", "--tenant", "acme", "--data", s.data, "--url", s.url, name)
		if code != 0 || !strings.HasPrefix(out, want) || errs != says {
			t.Errorf("exit %d: %s%s\nwant %s%s\nlog:\n%s", code, out, errs, want, says, s.log)
		}
	}
	counted := func(when, service string, want int64) {
		t.Helper()
		s.post("/api/v1/metrics/aggregate", nil, nil)
		if got := s.invocations("acme", "5m"); got[service] != want {
			t.Errorf("%s: %s has %d invocations, want %d", when, service, got[service], want)
		}
	}
	f(nil, file, "180 samples read: 180 stored in",
		"registers tenant \"acme\" with its first windows: there was none of that name\n")
	counted("while it runs", "fn", 180)
	f(nil, file, "180 samples read: 0 stored in 0 new blocks, 180 were stored before", "")
	counted("again", "fn", 180)
	code, _, errs := command(t, nil, "backfill", "--tenant", "acme", "--data", s.data, "--url", "http://127.0.0.1:1", file)
	if code == 0 || !strings.Contains(errs, "is running and has to take the samples over") ||
		!strings.Contains(errs, "say where it is with --url") {
		t.Errorf("a server that does not answer: exit %d: %s", code, errs)
	}
	s.stop()
	f(history(hour, "fn", 2, 4), "-", "120 samples read: 60 stored in",
		"a server that starts here registers tenant \"acme\", if there is none of that name\n")
	s.run()
	counted("without a server", "fn", 240)

	code, out, errs := command(t, nil, "snapshot", "--url", s.url, "--key-file", filepath.Join(s.data, "owner.key"))
	if code != 0 {
		t.Fatal(errs)
	}
	s.stop()
	// The private database drops root's rights and must reach its folder.
	copied := filepath.Join(filepath.Dir(s.data), filepath.Base(s.data)+"-copy")
	if err := os.Rename(strings.TrimSpace(out), copied); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(copied, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(copied); err != nil {
			t.Error(err)
		}
	})
	second := &server{t: t, data: copied}
	t.Cleanup(second.stop)
	second.run()
	s = second
	counted("in the copy", "fn", 240)
}

// What is wrong is said with its line, and then nothing is stored.
func TestBackfillRefuses(t *testing.T) {
	data := t.TempDir()
	f := func(text, want string, args ...string) {
		t.Helper()
		code, _, errs := command(t, []byte(text), append([]string{"backfill", "--tenant", "acme", "--data", data, "-"}, args...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("exit %d: %s\nwant %s", code, errs, want)
		}
	}
	good := fmt.Sprintf("a_total 1 %d\n", time.Now().Add(-24*time.Hour).Unix())
	f(good+"a_total 1\n# EOF\n", "-: line 2: the sample has no time")
	f(good, "-: line 2: the text ends without # EOF")
	old := fmt.Sprintf("a_total 1 %d\n", time.Now().Add(-20*24*time.Hour).Unix())
	f(good+old+"# EOF\n", "line 2: samples older than the retention less a day")
	f("time,value\n", `no column is called "timestamp"`, "--csv")
	f("", "leaves nothing to backfill", "--retention", "1d")
	f("", `the tenant's name "x " begins or ends with a space`, "--tenant", "x ")
	for _, pattern := range []string{"tsdb/01*", "tsdb/backfill/*"} {
		if left, err := filepath.Glob(filepath.Join(data, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
}
