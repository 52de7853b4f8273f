package metering_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/internal/pgtest"
	"invoq/metering"
	"invoq/postgres"
	"invoq/tsdb"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// noon is when the tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// lateness is how late samples may come in these tests.
const lateness = 2 * time.Hour

// site is a server's counting half, with a clock that the test moves.
type site struct {
	t     *testing.T
	now   time.Time
	cfg   tsdb.Config
	store *tsdb.Store
	db    *postgres.DB
	// broken makes the database refuse windows, and refuses those of a tenant.
	broken  bool
	refuses invoq.TenantName
	*metering.Aggregator
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, now: noon, cfg: tsdb.DefaultConfig(t.TempDir())}
	s.cfg.Lateness = lateness
	s.cfg.Now = func() time.Time { return s.now }
	var err error
	s.db, err = postgres.Open(t.Context(), pgtest.URL(t, pgtest.Migrated()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.db.Close)
	s.start()
	t.Cleanup(s.stop)
	return s
}

// start opens the store as a new process would, which remembers only what was
// stored.
func (s *site) start() {
	s.t.Helper()
	var err error
	if s.store, err = tsdb.Open(s.cfg, slog.New(slog.DiscardHandler)); err != nil {
		s.t.Fatal(err)
	}
	s.Aggregator = metering.New(metering.Config{}, s.store, database{s.db, s}, exact.BuiltinProfiles(),
		slog.New(slog.DiscardHandler), metrics.NewSet())
}

func (s *site) stop() {
	s.t.Helper()
	if err := s.store.Close(context.Background()); err != nil {
		s.t.Error(err)
	}
}

// database is the real one, which can be told to fail.
type database struct {
	*postgres.DB
	site *site
}

// errBroken and errRefused are what the database says.
var (
	errBroken  = invoq.Errorf(invoq.KindUnavailable, "the database is away")
	errRefused = errors.New("the database refuses a value")
)

func (d database) StoreWindows(ctx context.Context, w postgres.Windows) error {
	refused := slices.ContainsFunc(w.Rows, func(u invoq.Usage) bool { return u.Tenant == d.site.refuses })
	if d.site.broken {
		return errBroken
	}
	if refused {
		return errRefused
	}
	return d.DB.StoreWindows(ctx, w)
}

// write stores what a tenant's function had counted at an instant.
func (s *site) write(tenant string, at time.Time, count float64) {
	s.t.Helper()
	tsdbtest.Write(s.t, s.store, tenant, ingesttest.Series{
		Labels:  []string{"__name__", "fn_requests_total", "pod", "p1", "revision", "r1", "service", "fn"},
		Samples: []ingest.Sample{{T: at.UnixMilli(), V: count}},
	})
}

// run counts, and returns how many windows that took.
func (s *site) run() int {
	s.t.Helper()
	report, err := s.Run(s.t.Context(), s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	return report.Windows
}

// stored compares the invocations of all stored windows, a line each.
func (s *site) stored(what string, want ...string) {
	s.t.Helper()
	us, err := s.db.ListUsage(s.t.Context(), invoq.Everyone(), postgres.UsageFilter{
		Window: invoq.Window5m, Interval: invoq.Interval{Start: noon.AddDate(0, 0, -10), End: noon.AddDate(0, 1, 0)},
	}, invoq.Page{Limit: invoq.MaxPageSize})
	if err != nil {
		s.t.Fatal(err)
	}
	var got []string
	for _, u := range us {
		if !u.Invocations.IsZero() {
			got = append(got, fmt.Sprintf("%s %s %s", u.Tenant, u.Start.Format("15:04"), u.Invocations))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s: windows (-want +got):\n%s", what, diff)
	}
}

// Only what has changed is counted again, and a sample that comes late moves
// its usage to the window where it belongs.
func TestRun(t *testing.T) {
	s := newSite(t)
	for _, tenant := range []string{"acme", "zeta"} {
		s.write(tenant, noon.Add(-11*time.Minute), 100)
		s.write(tenant, noon.Add(-time.Minute), 130)
	}
	s.run()
	s.stored("at noon", "acme 11:45 100", "zeta 11:45 100", "acme 11:55 30", "zeta 11:55 30")
	if n := s.run(); n != 0 {
		t.Errorf("nothing has changed, and %d windows were counted", n)
	}
	s.write("acme", noon.Add(-6*time.Minute), 120)
	counted := s.run()
	s.stored("with a late sample",
		"acme 11:45 100", "zeta 11:45 100", "acme 11:50 20", "acme 11:55 10", "zeta 11:55 30")
	if counted > 3 {
		t.Errorf("one tenant's late sample had %d windows counted", counted)
	}
}

// A sample that is acknowledged at the last moment is counted, although the run
// before saw a sender whose clock was ahead.
func TestSampleAsLateAsMayBe(t *testing.T) {
	s := newSite(t)
	s.write("acme", noon.Add(-lateness), 10)
	s.write("zeta", noon.Add(s.cfg.Ahead), 1)
	s.run()
	s.now = noon.Add(90 * time.Second)
	s.write("acme", s.now.Add(-lateness), 17)
	s.run()
	s.stored("counted", "acme 09:55 10", "acme 10:00 7", "zeta 12:00 1")
}

// What came before a stop, and during it, is counted after it, once.
func TestCatchUp(t *testing.T) {
	s := newSite(t)
	s.write("acme", noon.Add(-time.Minute), 10)
	s.run()
	s.write("acme", noon.Add(-30*time.Second), 15)
	s.stop()
	s.now = noon.Add(26 * time.Hour)
	s.start()
	s.write("acme", s.now.Add(-time.Hour), 40)
	s.run()
	s.stored("after a day", "acme 11:55 15", "acme 12:55 25")
}

// A run that fails leaves its windows to the next.
func TestDatabaseAway(t *testing.T) {
	s := newSite(t)
	s.run()
	s.write("acme", noon.Add(-time.Minute), 10)
	s.broken = true
	if _, err := s.Run(t.Context(), s.now); !errors.Is(err, errBroken) {
		t.Errorf("error %v, want %v", err, errBroken)
	}
	s.broken = false
	s.run()
	s.stored("after the failure", "acme 11:55 10")
}

// What one tenant sent keeps nobody else from being counted, and is counted
// itself once it can be, also by another process.
func TestHeldTenant(t *testing.T) {
	s := newSite(t)
	s.refuses = "evil"
	for _, tenant := range []string{"acme", "evil", "zeta"} {
		s.write(tenant, noon.Add(-time.Minute), 10)
	}
	for range 2 {
		report, err := s.Run(t.Context(), s.now)
		if err != nil || len(report.Held) != 1 || !errors.Is(report.Held["evil"], errRefused) {
			t.Fatalf("held %v, error %v", report.Held, err)
		}
		s.stored("while one is held", "acme 11:55 10", "zeta 11:55 10")
		s.now = s.now.Add(3 * time.Hour)
		s.write("acme", s.now.Add(-time.Minute), 10)
	}
	s.run()
	s.stop()
	s.refuses = ""
	s.start()
	s.run()
	s.stored("after a restart", "acme 11:55 10", "evil 11:55 10", "zeta 11:55 10")
}
