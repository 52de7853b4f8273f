package tracker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/collect/tracker"
	"invoq/ingest/events"
)

// inbox is a server with the real intake, whose events it keeps; it can be
// away, or not answer at all.
type inbox struct {
	*httptest.Server
	intake *events.Intake

	mu   sync.Mutex
	got  map[string]invoq.Event
	away bool
	hang chan struct{} // not nil: answers wait for it
	came chan struct{} // gets a value for each request
}

func newInbox(t testing.TB) *inbox {
	b := &inbox{got: map[string]invoq.Event{}, came: make(chan struct{}, 10000)}
	b.intake = events.New(b, b, slog.New(slog.DiscardHandler), time.Now, metrics.NewSet())
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	away, hang := b.away, b.hang
	b.mu.Unlock()
	defer func() { b.came <- struct{}{} }()
	if hang != nil {
		<-hang
	}
	body, err := io.ReadAll(r.Body)
	if away || err != nil || r.Header.Get("Authorization") != "Bearer ivq_test" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	result, err := b.intake.Take(r.Context(), events.Request{
		ContentType: r.Header.Get("Content-Type"), Body: body, Scope: events.Scope{Tenant: "acme"},
	})
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case result.Invalid > 0:
		w.WriteHeader(http.StatusMultiStatus)
		fmt.Fprint(w, result.Items)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// Put keeps events; one that came twice would show by its id being there.
func (b *inbox) Put(_ context.Context, es []invoq.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range es {
		if _, again := b.got[e.RequestID]; again {
			return errors.New("an event was put twice")
		}
		b.got[e.RequestID] = e
	}
	return nil
}

// Recall remembers nothing: the intake's own memory is enough here.
func (b *inbox) Recall(_ context.Context, es []invoq.Event) ([]invoq.Recall, error) {
	return make([]invoq.Recall, len(es)), nil
}

func (b *inbox) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *inbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

func newTracker(t testing.TB, b *inbox, change ...func(*tracker.Config)) *tracker.Tracker {
	t.Helper()
	cfg := tracker.Config{
		URL: b.URL + "/", Key: "ivq_test", Service: "shop", Spool: filepath.Join(t.TempDir(), "spool"),
		Every: 10 * time.Millisecond, Batch: 50,
	}
	for _, f := range change {
		f(&cfg)
	}
	tr, err := tracker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func tokens(n int) tracker.Usage {
	return tracker.Usage{
		User: "ann", Resource: "AI_TOKENS", Provider: "openai", Service: "gpt-4", Quantity: "0.1",
		RequestID: fmt.Sprint("r-", n),
	}
}

func closeTracker(t testing.TB, tr *tracker.Tracker) {
	t.Helper()
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What is tracked arrives, exactly, also what is tracked just before the end.
func TestTrackAndClose(t *testing.T) {
	b := newInbox(t)
	tr := newTracker(t, b)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 100 {
				tr.Track(t.Context(), tokens(100*i+n))
			}
		})
	}
	all.Wait()
	closeTracker(t, tr)
	if n := b.count(); n != 400 {
		t.Fatalf("%d usages arrived, want 400", n)
	}
	got := b.got["r-7"]
	want := []invoq.Measure{{Meter: invoq.AITokens, Quantity: invoq.MustDecimal("0.1")}}
	if diff := cmp.Diff(want, got.Measures); diff != "" || got.User != "ann" || got.Service != "gpt-4" {
		t.Errorf("%+v\n%s", got, diff)
	}
	tr.Track(t.Context(), tokens(1000))
	if tr.Lost() != 1 {
		t.Errorf("%d usages are lost, want the one after the end", tr.Lost())
	}
}

// While the server is away usage waits in the spool, also across a restart of
// the program, and arrives once.
func TestSpool(t *testing.T) {
	b := newInbox(t)
	b.set(func() { b.away = true })
	spool := filepath.Join(t.TempDir(), "spool")
	same := func(c *tracker.Config) { c.Spool = spool }
	tr := newTracker(t, b, same)
	for n := range 120 {
		tr.Track(t.Context(), tokens(n))
	}
	<-b.came // It was tried at least once.
	closeTracker(t, tr)
	// A crash tears the last line.
	f, err := os.OpenFile(spool, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"userId":"an`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b.set(func() { b.away = false })
	tr = newTracker(t, b, same)
	tr.Track(t.Context(), tokens(120))
	closeTracker(t, tr)
	if n := b.count(); n != 121 {
		t.Errorf("%d usages arrived, want 121", n)
	}
	if _, err := os.Stat(spool); !os.IsNotExist(err) {
		t.Errorf("the spool is still there: %v", err)
	}
}

// The spool and the memory are bounded, and what is lost is counted and told.
func TestBounds(t *testing.T) {
	b := newInbox(t)
	b.set(func() { b.away = true })
	var mu sync.Mutex
	told := 0
	spool := filepath.Join(t.TempDir(), "spool")
	tr := newTracker(t, b, func(c *tracker.Config) {
		c.Spool, c.SpoolBytes, c.Pending, c.Batch = spool, 2000, 30, 1000
		c.Every = time.Hour
		c.OnError = func(error) { mu.Lock(); told++; mu.Unlock() }
	})
	for n := range 40 {
		tr.Track(t.Context(), tokens(n))
	}
	if tr.Lost() != 10 {
		t.Errorf("%d usages are lost, want the 10 beyond 30", tr.Lost())
	}
	if err := tr.Close(t.Context()); err == nil || told < 11 {
		t.Errorf("closed with %v, told %d times", err, told)
	}
	info, err := os.Stat(spool)
	if err != nil || info.Size() > 2000 || info.Size() < 1000 {
		t.Errorf("the spool: %v, %v", info, err)
	}
	kept := 40 - tr.Lost()
	b.set(func() { b.away = false })
	closeTracker(t, newTracker(t, b, func(c *tracker.Config) { c.Spool = spool }))
	if int64(b.count()) != kept {
		t.Errorf("%d usages arrived, %d were not lost", b.count(), kept)
	}
}

// Without a spool usage waits in memory, as much as fits, until the server is
// back.
func TestNoSpool(t *testing.T) {
	b := newInbox(t)
	b.set(func() { b.away = true })
	tr := newTracker(t, b, func(c *tracker.Config) { c.Spool, c.Pending, c.Batch = "", 100, 30 })
	for n := range 100 {
		tr.Track(t.Context(), tokens(n))
	}
	<-b.came
	<-b.came // Twice, so that the first has come back.
	if n := tr.Lost(); n != 0 {
		t.Errorf("%d usages are lost while there is room in memory", n)
	}
	b.set(func() { b.away = false })
	closeTracker(t, tr)
	if n := b.count(); n != 100 {
		t.Errorf("%d usages arrived, want 100", n)
	}
}

// What cannot be sent is lost alone, and told; it takes nothing with it.
func TestBadUsage(t *testing.T) {
	huge := tokens(3)
	huge.User = strings.Repeat("a", 100_000)
	comma, none := tokens(1), tokens(2)
	comma.Quantity, none.Quantity = "1,200", ""
	for _, away := range []bool{false, true} {
		b := newInbox(t)
		b.set(func() { b.away = away })
		spool := filepath.Join(t.TempDir(), "spool")
		same := func(c *tracker.Config) { c.Spool, c.Every = spool, time.Hour }
		tr := newTracker(t, b, same)
		for _, u := range []tracker.Usage{tokens(0), comma, none, huge, tokens(4)} {
			tr.Track(t.Context(), u)
		}
		if err := tr.Close(t.Context()); err == nil || tr.Lost() != 3 {
			t.Errorf("closed with %v, %d usages are lost, want 3", err, tr.Lost())
		}
		b.set(func() { b.away = false })
		closeTracker(t, newTracker(t, b, same))
		if n := b.count(); n != 2 {
			t.Errorf("away %t: %d usages arrived, want the 2 good ones", away, n)
		}
	}
}

// wordy has as many labels as are taken, about.
func wordy(n int) tracker.Usage {
	u := tokens(n)
	u.Labels = map[string]string{}
	for i := range 16 {
		u.Labels[fmt.Sprint("label-", i)] = strings.Repeat("a", 110)
	}
	return u
}

// A batch is never larger than a body that the server takes, however large its
// usages are.
func TestLargeUsages(t *testing.T) {
	b := newInbox(t)
	b.set(func() { b.away = true })
	spool := filepath.Join(t.TempDir(), "spool")
	same := func(c *tracker.Config) { c.Spool, c.Every, c.Batch = spool, time.Hour, 10_000 }
	tr := newTracker(t, b, same)
	for n := range 4000 {
		tr.Track(t.Context(), wordy(n))
	}
	closeTracker(t, tr)
	b.set(func() { b.away = false })
	tr = newTracker(t, b, same)
	for n := range 4000 {
		tr.Track(t.Context(), wordy(4000+n))
	}
	closeTracker(t, tr)
	if n := b.count(); n != 8000 {
		t.Errorf("%d usages arrived, want 8000", n)
	}
}

// A server that does not answer holds nobody up.
func TestTrackNeverWaits(t *testing.T) {
	b := newInbox(t)
	hang := make(chan struct{})
	b.set(func() { b.hang = hang })
	tr := newTracker(t, b)
	started := time.Now()
	for n := range 10_000 {
		tr.Track(t.Context(), tokens(n))
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("tracking took %s", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tr.Close(ctx); err != nil {
		t.Error(err)
	}
	close(hang)
}

// Every request is counted: good ones, failed ones and those that panic.
func TestMiddleware(t *testing.T) {
	b := newInbox(t)
	tr := newTracker(t, b)
	h := tr.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/panic":
			panic("BUG: as the test wants it")
		default:
			fmt.Fprint(w, "fine")
		}
	}), func(r *http.Request) string { return r.Header.Get("X-User") })
	for _, path := range []string{"/", "/missing", "/panic"} {
		func() {
			defer func() {
				if r := recover(); (r != nil) != (path == "/panic") {
					t.Errorf("%s panics with %v", path, r)
				}
			}()
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			req.Header.Set("X-User", "ann")
			h.ServeHTTP(httptest.NewRecorder(), req)
		}()
	}
	closeTracker(t, tr)
	statuses := map[string]int{}
	for _, e := range b.got {
		if e.User != "ann" || e.Service != "shop" || e.Measures[0].Meter != invoq.APIRequest {
			t.Errorf("counted %+v", e)
		}
		statuses[e.Labels["status"]]++
	}
	if diff := cmp.Diff(map[string]int{"200": 1, "404": 1, "500": 1}, statuses); diff != "" {
		t.Error(diff)
	}
}

// A handler that takes the connection over, as for a WebSocket, can do so and is
// counted with the status that it switches by.
func TestMiddlewareOfUpgrades(t *testing.T) {
	b := newInbox(t)
	tr := newTracker(t, b)
	served := make(chan struct{})
	h := tr.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hijacker, ok := w.(http.Hijacker)
		if !ok {
			http.Error(w, "no connection to take over", http.StatusInternalServerError)
			return
		}
		conn, _, err := hijacker.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
		conn.Close()
	}), nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		close(served)
	}))
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "test")
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	<-served
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("answered %d", res.StatusCode)
	}
	closeTracker(t, tr)
	for _, e := range b.got {
		if e.Labels["status"] != "101" {
			t.Errorf("counted as %q", e.Labels["status"])
		}
	}
	if b.count() != 1 {
		t.Errorf("%d requests are counted", b.count())
	}
}

func TestConfig(t *testing.T) {
	good := tracker.Config{URL: "http://127.0.0.1:1", Key: "k", Service: "s"}
	for _, spoil := range []func(*tracker.Config){
		func(c *tracker.Config) { c.URL = "invoq" },
		func(c *tracker.Config) { c.Key = "" },
		func(c *tracker.Config) { c.Service = "" },
		func(c *tracker.Config) { c.Batch = 10_001 },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := tracker.New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}
