package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A real Prometheus scrapes the waiter example and remote-writes into Invoq, by
// each protocol that it knows: the bill says what the waiter counted, to the
// last invocation.
func TestPrometheusBillsTheWaiter(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a server and a sender for some seconds")
	}
	prometheus := lookPath(t, "prometheus")
	for _, message := range messagesOf(t, prometheus) {
		t.Run(message, func(t *testing.T) { billTheWaiter(t, prometheus, message) })
	}
}

// messagesOf returns the messages of remote write that a Prometheus can send: of
// 1.0, and since its version 3 also of 2.0.
func messagesOf(t *testing.T, binary string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, "--version").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(string(out), "prometheus, version 2.") {
		return []string{""}
	}
	return []string{"prometheus.WriteRequest", "io.prometheus.write.v2.Request"}
}

func billTheWaiter(t *testing.T, prometheus, message string) {
	s := start(t)
	waiter := startWaiter(t)
	// The key names the tenant: some Prometheus releases send no headers of ours.
	key := s.newKey(t, "acme", "ingest")
	// A burst before anything is scraped: what increase() would never see.
	waiter.invoke(t, 40)
	startPrometheus(t, prometheus, message, s.url, key, waiter.address)
	for range 5 {
		waiter.invoke(t, 25)
		waitFor(t, func() bool { return s.instant(t, `sum(waiter_requests_total)`) == waiter.counted(t) })
	}
	counted := waiter.counted(t)
	if counted < 40+5*25 {
		t.Fatalf("the waiter counted %v", counted)
	}

	s.post("/api/v1/pricing/plans", map[string]any{
		"name": "by call", "currency": "USD", "price_per_invocation": "0.01",
	}, nil)
	s.post("/api/v1/metrics/aggregate", nil, nil)
	var bill struct {
		Lines []struct{ Meter, Quantity, Amount string } `json:"line_items"`
		Total string                                     `json:"total_amount"`
	}
	month := time.Now().UTC().AddDate(0, 0, 1-time.Now().UTC().Day())
	s.post("/api/v1/billing/calculate", map[string]any{
		"tenant_id":    "acme",
		"period_start": month.AddDate(0, 0, -1).Format(time.DateOnly),
		"period_end":   month.AddDate(0, 1, 0).Format(time.DateOnly),
	}, &bill)
	got := ""
	for _, l := range bill.Lines {
		got += l.Meter + " " + l.Quantity + " = " + l.Amount + "\n"
	}
	want := fmt.Sprintf("invocations %.0f = %s\n", counted, strconv.FormatFloat(counted/100, 'f', -1, 64))
	if got != want {
		t.Errorf("the bill says\n%swant\n%s", got, want)
	}
}

// lookPath finds a program, or skips the test, or fails it where one was
// promised.
func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("INVOQ_TEST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// background runs a program until the test ends and returns what it writes to
// stderr line by line, as far as anybody reads.
func background(t *testing.T, name string, env []string, args ...string) <-chan string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	cmd.Env = append(os.Environ(), env...)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for sc := bufio.NewScanner(pipe); sc.Scan(); {
			select {
			case lines <- sc.Text():
			default: // Nobody reads.
			}
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		<-read
		if err := cmd.Wait(); err != nil {
			t.Logf("%s ended: %v", name, err)
		}
	})
	return lines
}

// waitFor waits until something holds, for a minute at most.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to hold within a minute")
		}
		<-tick.C
	}
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newKey makes a key of a tenant, which is created when it does not exist.
func (s *server) newKey(t *testing.T, tenant, role string) string {
	t.Helper()
	s.do(http.MethodPost, "/api/v1/tenants", fmt.Appendf(nil, `{"name":%q}`, tenant),
		"Content-Type", "application/json")
	var minted struct{ Secret string }
	s.post("/api/v1/keys", map[string]string{"name": role, "role": role, "tenant_id": tenant}, &minted)
	return minted.Secret
}

func startPrometheus(t *testing.T, binary, message, url, key, target string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: functions
    static_configs: [{targets: [%q]}]
remote_write:
  - url: %s/api/v1/write
    authorization: {credentials: %q}
    queue_config: {batch_send_deadline: 500ms}
    metadata_config: {send_interval: 1s}
`, target, url, key)
	if message != "" {
		text += "    protobuf_message: " + message + "\n"
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, binary, nil, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+freeAddress(t), "--log.level=warn")
}

// runningWaiter is the waiter example in a process of its own.
type runningWaiter struct{ address string }

func startWaiter(t *testing.T) runningWaiter {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "waiter")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "invoq/examples/waiter")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the waiter: %v\n%s", err, out)
	}
	w := runningWaiter{address: freeAddress(t)}
	_, port, err := net.SplitHostPort(w.address)
	if err != nil {
		t.Fatal(err)
	}
	background(t, binary, []string{"PORT=" + port, "K_SERVICE=waiter", "K_REVISION=waiter-00001"})
	waitFor(t, func() bool {
		res, err := http.Get("http://" + w.address + "/readiness")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return w
}

// invoke calls the function n times, some calls at once.
func (w runningWaiter) invoke(t *testing.T, n int) {
	t.Helper()
	var calls sync.WaitGroup
	limit := make(chan struct{}, 8)
	for range n {
		calls.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			res, err := http.Get("http://" + w.address + "/invoke?sleep_ms=3")
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
		})
	}
	calls.Wait()
}

// counted returns what the waiter says it has served.
func (w runningWaiter) counted(t *testing.T) float64 {
	t.Helper()
	res, err := http.Get("http://" + w.address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "waiter_requests_total{") {
			n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}

// instant returns the value of a query with one result, NaN-free, or -1.
func (s *server) instant(t *testing.T, query string) float64 {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	s.get("/api/v1/query?"+url.Values{"query": {query}}.Encode(), &answer)
	if len(answer.Data.Result) != 1 {
		return -1
	}
	v, err := strconv.ParseFloat(answer.Data.Result[0].Value[1].(string), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
