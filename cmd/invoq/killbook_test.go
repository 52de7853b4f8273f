package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// kill -9 in a loop while events come in: each one that was acknowledged is in
// the book, each once, those of functions in their windows too, and the book
// verifies. INVOQ_KILLS sets how often.
func TestKillWhileEventsComeIn(t *testing.T) {
	kills := 10
	if testing.Short() {
		kills = 2
	}
	if n, err := strconv.Atoi(os.Getenv("INVOQ_KILLS")); err == nil {
		kills = n
	}
	s := start(t)
	senders := make([]*sender, 4)
	for i := range senders {
		senders[i] = &sender{name: fmt.Sprint("sender-", i)}
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for range kills {
		var clients sync.WaitGroup
		gone := make(chan struct{})
		for _, x := range senders {
			clients.Go(func() { x.run(t, s, gone) })
		}
		<-time.After(time.Duration(200+rng.IntN(600)) * time.Millisecond)
		s.kill()
		close(gone)
		clients.Wait()
		s.run()
	}
	// What was not acknowledged is sent again, as a sender would.
	want := 0
	for _, x := range senders {
		if !x.send(t, s) {
			t.Fatalf("%s is not answered", x.name)
		}
		want += x.next
	}
	s.waitForEntries(want)
	for _, size := range []string{"5m", "1h", "1d"} {
		if told := s.told(size); told != want/2 {
			t.Errorf("windows of %s have %d invocations, want %d: each event once", size, told, want/2)
		}
	}
	s.stop()
	report := s.verifyBook()
	if report.Entries != want {
		t.Errorf("the book has %d entries, want %d: each event once", report.Entries, want)
	}
	t.Logf("%d kills, %d events, %d batches, %d heads", kills, want, report.Batches, report.Heads)
	if want < 100*kills {
		t.Errorf("only %d events in %d lives: the test proves nothing", want, kills)
	}
}

// sender sends batches of events, the same again until it is acknowledged.
type sender struct {
	name string
	next int // the first event that is not acknowledged
}

const (
	// perBatch is how many events a sender sends at once, half of them of
	// functions.
	perBatch = 20
	// killEpoch is when the first was used, in seconds since 1970.
	killEpoch = 1780000000
)

// told returns how many invocations the windows of a size have.
func (s *server) told(size string) int {
	s.t.Helper()
	from := time.Unix(killEpoch, 0).UTC().AddDate(0, 0, -1)
	a, ok := s.do(http.MethodGet, fmt.Sprintf("/api/v1/usage?window=%s&limit=1000&start=%s&end=%s", size,
		from.Format(time.RFC3339), from.AddDate(0, 1, 0).Format(time.RFC3339)), nil)
	var page struct {
		Items []struct{ Invocations string }
		Next  string
	}
	if err := json.Unmarshal(a.body, &page); !ok || err != nil || page.Next != "" {
		s.t.Fatalf("usage: %d %s: %v", a.status, a.body, err)
	}
	sum := 0
	for _, u := range page.Items {
		n, err := strconv.Atoi(u.Invocations)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func (x *sender) run(t *testing.T, s *server, gone chan struct{}) {
	for {
		select {
		case <-gone:
			return
		default:
			if !x.send(t, s) {
				return
			}
		}
	}
}

// send sends the next batch and reports whether the server has answered.
func (x *sender) send(t *testing.T, s *server) bool {
	var batch []map[string]any
	for n := x.next; n < x.next+perBatch; n++ {
		event := map[string]any{
			"tenant_id": x.name, "userId": fmt.Sprint("user-", n%7), "requestId": fmt.Sprint(x.name, "-", n),
			"timestamp": time.Unix(killEpoch+int64(n), 0).UTC().Format(time.RFC3339),
		}
		if n%2 == 0 {
			event["resourceType"], event["service"], event["quantity"] = "API_REQUEST", "api", json.Number("0.1")
		} else {
			event["service_name"], event["invocations"] = "waiter", 1
		}
		batch = append(batch, event)
	}
	body, err := json.Marshal(batch)
	if err != nil {
		t.Error(err)
		return false
	}
	a, ok := s.do(http.MethodPost, "/api/v1/usage", body, "Content-Type", "application/json")
	if !ok {
		return false
	}
	if a.status != http.StatusAccepted && a.status != http.StatusOK {
		t.Errorf("%s: %d %s", x.name, a.status, a.body)
		return false
	}
	x.next += perBatch
	return true
}

var entriesMetric = regexp.MustCompile(`(?m)^invoq_ledger_entries (\d+)$`)

// entries returns how many entries the book has, by the server's metrics.
func (s *server) entries() int {
	s.t.Helper()
	a, ok := s.do(http.MethodGet, "/metrics", nil)
	m := entriesMetric.FindSubmatch(a.body)
	if !ok || m == nil {
		s.t.Fatalf("no number of entries in the metrics: %d", a.status)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
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
	cmd := exec.CommandContext(s.t.Context(), "invoq", "verify", "--data", s.data, "--json")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("verify: %v\n%s%s", err, &stdout, &stderr)
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
