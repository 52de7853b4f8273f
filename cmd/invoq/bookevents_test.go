package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// metric returns the value of a metric without labels of the server.
func (s *server) metric(name string) int {
	s.t.Helper()
	a, ok := s.do(http.MethodGet, "/metrics", nil)
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(a.body)
	if !ok || m == nil {
		s.t.Fatalf("no %s in the metrics: %d", name, a.status)
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return int(n)
}

// entries returns how many entries the book has.
func (s *server) entries() int {
	s.t.Helper()
	return s.metric("invoq_ledger_entries")
}

// waitForQueue waits until all that was acknowledged is posted.
func (s *server) waitForQueue() {
	s.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); s.metric("invoq_queue_messages") != 0; {
		if time.Now().After(deadline) {
			s.t.Fatalf("events wait in the queue\n%s", s.log)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// waitForEntries waits until the book has n entries, and fails when it has
// more.
func (s *server) waitForEntries(n int) {
	s.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	have := s.entries()
	for ; have < n; have = s.entries() {
		if time.Now().After(deadline) {
			s.t.Fatalf("the book has %d entries, want %d\n%s", have, n, s.log)
		}
		<-time.After(50 * time.Millisecond)
	}
	if have > n {
		s.t.Errorf("the book has %d entries, want %d", have, n)
	}
}

// bookReport is what `invoq verify --json` says.
type bookReport struct {
	Entries  int
	Batches  int
	Heads    int
	Problems []struct{ Text string }
}

// verifyBook runs `invoq verify` over the stopped server's folder; the book
// must be in order.
func (s *server) verifyBook() bookReport {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"verify", "--data", s.data, "--json"}
	if at := slices.Index(s.args, "--database-url"); at >= 0 {
		args = append(args, s.args[at:at+2]...)
	}
	cmd := exec.CommandContext(s.t.Context(), "invoq", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("verify: %v\n%s%s", err, &stdout, &stderr)
	}
	if strings.Contains(stdout.String(), "null") {
		s.t.Errorf("a report with a null, where lists are empty: %s", &stdout)
	}
	var r bookReport
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		s.t.Fatalf("%v: %s", err, &stdout)
	}
	return r
}

// The verdicts reach the sender, and what is popped is what was sent.
func TestEventsEndToEnd(t *testing.T) {
	s := start(t)
	now := time.Now().UTC().Format(time.RFC3339)
	event := func(id, quantity string) string {
		return `{"resourceType":"AI_TOKENS","provider":"openai","service":"gpt-4","userId":"ann",` +
			`"quantity":` + quantity + `,"requestId":"` + id + `","timestamp":"` + now + `"}`
	}
	f := func(body string, want int, says string) {
		t.Helper()
		a, _ := s.do(http.MethodPost, "/api/v1/usage", []byte(body), "Content-Type", "application/json")
		if a.status != want || !strings.Contains(string(a.body), says) {
			t.Errorf("%s: %d %s, want %d %q", body, a.status, a.body, want, says)
		}
	}
	f(event("a", "1200"), http.StatusAccepted, `"accepted":1`)
	f(event("a", "1200"), http.StatusOK, `"status":"duplicate"`)
	f(event("a", "1201"), http.StatusConflict, `"status":"conflict"`)
	f(event("b", "-1"), http.StatusUnprocessableEntity, `negative`)
	f("["+event("b", "5")+","+event("c", `"x"`)+"]", http.StatusMultiStatus, `"index":1`)
	f(`{`, http.StatusBadRequest, "JSON")
	s.waitForEntries(2)
	// After a restart the answer comes from the book, not from memory.
	s.stop()
	s.run()
	f(event("a", "1200"), http.StatusOK, `"status":"duplicate"`)
	f(event("a", "1201"), http.StatusConflict, `"status":"conflict"`)
	var popped struct {
		Events   []map[string]any
		Receipts []string
	}
	s.post("/metrics/pop", map[string]any{"max": 10}, &popped)
	f(event("d", "7"), http.StatusAccepted, `"accepted":1`)
	s.post("/metrics/pop", map[string]any{"max": 10, "receipts": popped.Receipts}, &popped)
	if len(popped.Events) != 1 || popped.Events[0]["request_id"] != "d" {
		t.Errorf("popped %v", popped.Events)
	}
}
