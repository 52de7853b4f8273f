package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"invoq"
	"invoq/access"
	"invoq/billing"
	"invoq/dashboards"
	"invoq/ingest"
	"invoq/ingest/events"
	"invoq/ingest/otlp"
	"invoq/internal/pgtest"
	"invoq/jobs"
	"invoq/ledger"
	"invoq/metering"
	"invoq/outlook"
	"invoq/postgres"
	"invoq/queue"
	"invoq/series"
	"invoq/tsdb"
	"invoq/tsdb/exact"
)

func TestMain(m *testing.M) {
	// The HTTP library's clock and the sweeper of its workers sleep on for a
	// while after a server has ended.
	pgtest.Main(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"))
}

// running is a server that answers on a loopback address until the test ends.
type running struct {
	t      testing.TB
	server *Server
	url    string
	host   string
	owner  string // the owner's key
	pepper []byte
	client *http.Client
	jobs   *jobs.Runner // not started
}

func serve(t testing.TB) *running {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := postgres.Open(t.Context(), pgtest.URL(t, pgtest.Migrated()), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	profiles := exact.BuiltinProfiles()
	cfg := tsdb.DefaultConfig(t.TempDir())
	cfg.Billable = profiles.Billable
	cfg.SeriesPerTenant = 1000
	store, err := tsdb.Open(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	set := metrics.NewSet()
	pages, err := dashboards.New()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, pepper: []byte("pepper"), client: &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(r.client.CloseIdleConnections)
	receiver := ingest.NewReceiver(store.Writer(), ingest.DefaultLimits(), set)
	ring := access.NewKeyring(db, r.pepper, time.Now)
	overviews := billing.NewOverviews(db, cfg.Lateness, log, time.Now)
	go func() { _ = overviews.Run(t.Context()) }()
	waiting, err := queue.Open(t.Context(), queue.Config{
		Dir: t.TempDir(), MaxBytes: 64 << 20, Log: log, Metrics: set,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { waiting.Close() })
	book, err := ledger.Open(t.Context(), ledger.Config{
		Store: db, Folder: ledger.Folder(t.TempDir()), Name: "test/ledger", Log: log, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := book.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	poster := metering.NewPoster(db, billing.NewCutter(db), ledger.NewWriter(book, log, set),
		metering.PosterConfig{Lateness: cfg.Lateness}, log, set)
	runs := billing.NewRunner(db, billing.RunConfig{}, log, time.Now)
	runner, err := jobs.New(db.Pool(), log, jobs.Periodic{
		Name: "bill-runs", Every: time.Hour, Timeout: time.Minute,
		Run: func(ctx context.Context, _ time.Time) error { return runs.Resume(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.server, err = New(Parts{
		Events: events.New(waiting, ledger.NewMemory(db), log, time.Now, set), Queue: waiting,
		Costs:  billing.NewCosts(db, time.Now),
		Office: billing.NewOffice(db, 2*time.Hour, time.Now),
		StartRuns: func(ctx context.Context, tx pgx.Tx) error {
			return runner.Soon(ctx, tx, "bill-runs", time.Now())
		},
		DB: db, Keyring: ring, Sessions: access.NewSessions(ring, []byte("cookies"), time.Now), Pepper: r.pepper,
		Receiver: receiver, OTLP: otlp.New(receiver, otlp.DefaultConfig()),
		Store: store, Queries: tsdb.NewQueries(store, series.New(db, billing.New(db), time.Now), tsdb.DefaultQueryLimits(), log),
		Aggregator: metering.New(metering.Config{}, store, db, profiles, log, set), Poster: poster,
		Biller: billing.New(db), Outlooks: outlook.New(db), Overviews: overviews, Pages: pages, Metrics: set,
		Gatherers: prometheus.Gatherers{store.Registry()}, Log: log, Now: time.Now, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	r.jobs = runner
	r.owner = r.mint(access.Key{Name: "owner", Role: access.Owner})
	r.listen()
	return r
}

func (r *running) listen() {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.host = l.Addr().String()
	r.url = "http://" + r.host
	done := make(chan error, 1)
	go func() { done <- r.server.Serve(l) }()
	// A server that is shut down before it serves would serve for ever.
	r.ask("", http.MethodGet, "/healthz", nil)
	r.t.Cleanup(func() {
		r.client.CloseIdleConnections()
		if err := r.server.Shutdown(context.Background()); err != nil {
			r.t.Error(err)
		}
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
}

// mint makes a key and returns it whole.
func (r *running) mint(k access.Key) string {
	r.t.Helper()
	secret := access.NewSecret()
	k.Prefix, k.Hash = secret.Prefix(), secret.Hash(r.pepper)
	if _, err := r.server.DB.CreateKey(r.t.Context(), invoq.Everyone(), k); err != nil {
		r.t.Fatal(err)
	}
	return secret.Reveal()
}

// tenant makes a tenant with a key of each role that is bound to one.
func (r *running) tenant(name string) (invoq.Tenant, map[access.Role]string) {
	r.t.Helper()
	t, err := r.server.DB.CreateTenant(r.t.Context(), invoq.Everyone(), invoq.Tenant{
		Name: invoq.TenantName(name), Currency: "USD", Timezone: "UTC",
	})
	if err != nil {
		r.t.Fatal(err)
	}
	keys := map[access.Role]string{}
	for _, role := range []access.Role{access.Tenant, access.Ingest, access.Viewer} {
		keys[role] = r.mint(access.Key{Name: string(role), Role: role, TenantID: t.ID})
	}
	return t, keys
}

// said is an answer.
type said struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with a key; headers are pairs.
func (r *running) ask(key, method, path string, body []byte, headers ...string) said {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return said{res.StatusCode, res.Header, string(b)}
}

// json sends JSON.
func (r *running) json(key, method, path, body string) said {
	r.t.Helper()
	return r.ask(key, method, path, []byte(body), "Content-Type", "application/json")
}

// decode reads a JSON answer of success.
func (r *running) decode(a said, out any) {
	r.t.Helper()
	if a.status >= 300 {
		r.t.Fatalf("answer %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), out); err != nil {
		r.t.Fatalf("%v: %s", err, a.body)
	}
}
