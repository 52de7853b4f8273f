package metering_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/ledger"
	"invoq/metering"
	"invoq/tsdb"
)

// backfill adopts what a tenant's function had counted at instants of the past.
func (s *site) backfill(tenant string, counts map[time.Time]float64) {
	s.t.Helper()
	staged, err := tsdb.OpenStaging(s.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	series := ingesttest.Series{
		Labels: []string{"__name__", "fn_requests_total", "pod", "p1", "revision", "r1", "service", "fn"},
	}
	for at, count := range counts {
		series.Samples = append(series.Samples, ingest.Sample{T: at.UnixMilli(), V: count})
	}
	_, err = staged.Writer().Write(s.t.Context(), ingest.Scope{Tenant: invoq.TenantName(tenant)}, ingesttest.Batch(series))
	if err == nil {
		err = staged.Close(s.t.Context())
	}
	if err == nil {
		_, err = s.store.Adopt(s.t.Context(), staged.ID)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// Windows over backfilled time are counted although they closed long ago, the
// growth that was taken for a birth moves to where it belongs, and the book
// learns of all of it, once; another tenant is left alone.
func TestBackfill(t *testing.T) {
	s := newSite(t)
	log := slog.New(slog.DiscardHandler)
	book, err := ledger.Open(t.Context(), ledger.Config{
		Store: s.db, Folder: ledger.Folder(t.TempDir()), Name: "test/ledger", Log: log, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := book.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	poster := metering.NewPoster(
		s.db, billing.NewCutter(s.db), ledger.NewWriter(book, log, metrics.NewSet()),
		metering.PosterConfig{Settle: lateness, Lateness: lateness}, log, metrics.NewSet())
	position := int64(0)
	post := func(want ...string) {
		t.Helper()
		counted := s.Counted()
		if err := poster.Run(t.Context(), s.now); err != nil {
			t.Fatal(err)
		}
		if err := s.Settled(counted...); err != nil {
			t.Fatal(err)
		}
		entries, err := s.db.Entries(t.Context(), invoq.Everyone(), position, 1000)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.EventTime.Format("02 15:04 "), e.Quantity))
		}
		position += int64(len(entries))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("posted (-want +got):\n" + diff)
		}
	}
	s.write("acme", noon.Add(-time.Minute), 130)
	s.write("zeta", noon.Add(-time.Minute), 10)
	s.run()
	s.now = noon.Add(4 * time.Hour)
	s.run()
	post("01 11:00 130", "01 11:00 10")
	old := map[time.Time]float64{
		noon.Add(-103 * time.Hour): 100, noon.Add(-102 * time.Hour): 120, noon.Add(-61 * time.Minute): 125,
	}
	s.backfill("acme", old)
	want := []string{"acme 04:55 100", "acme 05:55 20", "acme 10:55 5", "acme 11:55 5", "zeta 11:55 10"}
	s.run()
	s.stored("counted", want...)
	if got := len(s.Counted()); got != 1 {
		t.Errorf("%d backfills wait for the book", got)
	}
	// A restart between the count and the book forgets neither.
	s.stop()
	s.start()
	s.run()
	s.stored("counted after a restart", want...)
	if pending, err := s.store.Backfills(); err != nil || len(pending) != 1 {
		t.Errorf("pending: %v %v", pending, err)
	}
	post("25 04:00 100", "25 05:00 20", "01 10:00 5", "01 11:00 -125")
	post()
	if pending, err := s.store.Backfills(); err != nil || len(pending) != 0 {
		t.Errorf("settled, and pending: %v %v", pending, err)
	}
	s.backfill("acme", old)
	if n := s.run(); n != 0 {
		t.Errorf("the same again, and %d windows were counted", n)
	}
	s.stored("the same again", want...)
}

// A tenant that nobody knows yet registers itself by its backfill.
func TestBackfillOfANewTenant(t *testing.T) {
	s := newSite(t)
	s.run()
	s.backfill("acme", map[time.Time]float64{noon.Add(-5 * time.Hour): 3, noon.Add(-4 * time.Hour): 5})
	s.run()
	s.stored("counted", "acme 06:55 3", "acme 07:55 2")
}
