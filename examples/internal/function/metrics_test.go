package function

import (
	"bufio"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// labels is what every series of the function under test carries.
const labels = `{revision="waiter-00003",service="waiter"}`

// server serves one function as Main would.
func server(t *testing.T, invoke http.HandlerFunc) *httptest.Server {
	t.Helper()
	f := Function{Name: "waiter", Route: "/invoke", Invoke: invoke}
	h := f.handler(identity{"waiter", "waiter-00003"}, func() bool { return true })
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// scrape returns the value of each series in the text format.
func scrape(t *testing.T, srv *httptest.Server) map[string]float64 {
	t.Helper()
	series := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(fetch(srv.URL + "/metrics")))
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), " ")
		if name == "#" || !found {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("series %q has value %q: %v", name, value, err)
		}
		series[name] = v
	}
	return series
}

func expect(t *testing.T, got map[string]float64, series string, want float64) {
	t.Helper()
	if v, found := got[series]; !found || v != want {
		t.Errorf("%s = %v (present: %t), want %v", series, v, found, want)
	}
}

// Every series is there from the start, at 0: a series that is born with its
// first increment would hide that increment from a scraper.
func TestSeriesBeforeTheFirstInvocation(t *testing.T) {
	got := scrape(t, server(t, func(http.ResponseWriter, *http.Request) {}))
	expect(t, got, "waiter_requests_total"+labels, 0)
	expect(t, got, "waiter_errors_total"+labels, 0)
	expect(t, got, "waiter_cold_starts_total"+labels, 0)
	expect(t, got, "waiter_request_duration_seconds_count"+labels, 0)
	if held := got["waiter_memory_usage_bytes"+labels]; held < 1<<20 {
		t.Errorf("memory is %v bytes, want what a Go process holds", held)
	}
	if got["waiter_cpu_seconds_total"+labels] <= 0 {
		t.Error("the process used no CPU time")
	}
	if got["process_start_time_seconds"] <= 0 {
		t.Error("process_start_time_seconds is missing: nobody can tell when the counters began")
	}
	for series := range got {
		if strings.HasPrefix(series, "promhttp_") || strings.HasPrefix(series, "go_") {
			t.Errorf("%s is exported, though it bills nothing", series)
		}
	}
}

func TestEveryInvocationIsCounted(t *testing.T) {
	srv := server(t, func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.URL.Query().Get("status"))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if status != 0 {
			w.WriteHeader(status)
		}
	})
	f := func(query string, requests, errors float64) {
		t.Helper()
		// A POST: the client sends a GET again when the connection breaks.
		if res, err := http.Post(srv.URL+"/invoke?"+query, "", nil); err == nil {
			res.Body.Close()
		}
		got := scrape(t, srv)
		expect(t, got, "waiter_requests_total"+labels, requests)
		expect(t, got, "waiter_request_duration_seconds_count"+labels, requests)
		expect(t, got, "waiter_errors_total"+labels, errors)
		expect(t, got, "waiter_cold_starts_total"+labels, 1)
	}
	f("status=0", 1, 0)
	f("status=204", 2, 0)
	f("status=400", 3, 0) // The caller's fault.
	f("status=500", 4, 1)
	f("status=503", 5, 2)
	f("panic", 6, 3)
}

func TestProbesAreNotInvocations(t *testing.T) {
	srv := server(t, func(http.ResponseWriter, *http.Request) {})
	for _, path := range []string{"/healthz", "/readiness", "/metrics", "/nowhere"} {
		fetch(srv.URL + path)
	}
	got := scrape(t, srv)
	expect(t, got, "waiter_requests_total"+labels, 0)
	expect(t, got, "waiter_cold_starts_total"+labels, 0)
}

// What is still running is in no counter, so a scrape in between never shows a
// duration that is not whole.
func TestAnInvocationIsCountedWhenItEnds(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	srv := server(t, func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-release
	})
	done := make(chan string, 1)
	go func() { done <- fetch(srv.URL + "/invoke") }()
	<-begun
	expect(t, scrape(t, srv), "waiter_requests_total"+labels, 0)
	close(release)
	<-done
	expect(t, scrape(t, srv), "waiter_requests_total"+labels, 1)
}

func TestProbes(t *testing.T) {
	f := func(path string, ready bool, status int) {
		t.Helper()
		h := Function{Name: "f", Route: "/invoke"}.handler(identity{}, func() bool { return ready })
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != status {
			t.Errorf("GET %s with ready=%t is %d, want %d", path, ready, w.Code, status)
		}
	}
	f("/healthz", true, 200)
	f("/healthz", false, 200)
	f("/readiness", true, 200)
	f("/readiness", false, 503)
}

// The status that counts is the final one, not an early hint.
func TestStatusRecorder(t *testing.T) {
	rec := &statusRecorder{ResponseWriter: httptest.NewRecorder()}
	rec.WriteHeader(http.StatusEarlyHints)
	rec.WriteHeader(http.StatusBadGateway)
	rec.WriteHeader(http.StatusOK)
	if rec.status != http.StatusBadGateway {
		t.Errorf("status is %d, want 502", rec.status)
	}
	if err := http.NewResponseController(rec).Flush(); err != nil {
		t.Errorf("the recorder hides the connection: %v", err)
	}
}
