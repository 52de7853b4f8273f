package tsdb

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/tsdb/wlog"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// batches is how many batches a log of several pages holds; each is a record.
const batches = 200

// killedLog returns a folder as a kill leaves it, with a log of several pages:
// batch n has samples of the value n.
func killedLog(t *testing.T) string {
	t.Helper()
	s := open(t, nil)
	for n := range batches {
		var all []ingesttest.Series
		for pod := range 40 {
			all = append(all, ingesttest.Series{
				Labels:  []string{"__name__", "m", "pod", fmt.Sprint(pod)},
				Samples: []ingest.Sample{{T: at(n), V: float64(n)}},
			})
		}
		if got := write(t, s, all...); got != "ok" {
			t.Fatal(got)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openFolder opens the store in a folder.
func openFolder(t *testing.T, dir string, log *slog.Logger) *Store {
	t.Helper()
	cfg := DefaultConfig(dir)
	cfg.Now = func() time.Time { return start }
	s, err := Open(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lastBatch returns the number of the last batch that is stored whole.
func lastBatch(t *testing.T, s *Store) int {
	t.Helper()
	last := batches
	for _, line := range dump(t, s.Everything()) {
		fields := strings.Fields(line)
		var second, value int
		if _, err := fmt.Sscanf(fields[len(fields)-1], "%d:%d", &second, &value); err != nil {
			t.Fatal(err)
		}
		last = min(last, value)
	}
	return last
}

// A record that a crash cut off is dropped, and nobody has to be told.
func TestUnfinishedRecord(t *testing.T) {
	dir := killedLog(t)
	path := wlog.SegmentName(filepath.Join(dir, "wal"), 0)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := len(whole) - 20
	if err := os.Truncate(path, int64(cut)); err != nil {
		t.Fatal(err)
	}
	s := openFolder(t, dir, slog.New(slog.DiscardHandler))
	defer s.Close(t.Context())
	if err := s.Health(); err != nil {
		t.Errorf("after a kill: %v", err)
	}
	if n := lastBatch(t, s); n != batches-2 {
		t.Errorf("the log reads up to batch %d, want %d", n, batches-2)
	}
	kept, err := filepath.Glob(filepath.Join(dir, asideDir, "*"+unfinished, "00000000.from-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("the record is not kept: %v, %v", kept, err)
	}
	end, err := os.ReadFile(kept[0])
	if err != nil || len(end) == 0 || !slices.Equal(end, whole[cut-len(end):cut]) {
		t.Errorf("what is kept is not the end of the log: %v", err)
	}
}

// After damage in the middle of the log nothing is taken, what follows it is
// kept, and it goes on once somebody has said that they know.
func TestDamagedLog(t *testing.T) {
	dir := killedLog(t)
	path := wlog.SegmentName(filepath.Join(dir, "wal"), 0)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(before)
	// Two bytes: a bit of a record's type says nothing about what it holds.
	flipped[len(flipped)/2] ^= 0x10
	flipped[len(flipped)/2+1] ^= 0x10
	if err := os.WriteFile(path, flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	s := openFolder(t, dir, slog.New(slog.NewTextHandler(&log, nil)))
	err = s.Health()
	if invoq.KindOf(err) != invoq.KindUnavailable || !strings.Contains(invoq.MessageOf(err), "damaged") {
		t.Fatalf("the store says %v", err)
	}
	if !strings.Contains(log.String(), "do=") {
		t.Errorf("the log does not say what to do:\n%s", &log)
	}
	if n := lastBatch(t, s); n < batches/4 || n > 3*batches/4 {
		t.Errorf("the log reads up to batch %d, of %d", n, batches)
	}
	b := ingesttest.Batch(ingesttest.Series{
		Labels: []string{"__name__", "m"}, Samples: []ingest.Sample{{T: at(0), V: 1}},
	})
	if _, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, b); err == nil {
		t.Error("samples are taken")
	}
	aside := setAside(t, dir)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end, err := os.ReadFile(filepath.Join(aside, fmt.Sprintf("00000000.from-%d", len(good))))
	if err != nil || !slices.Equal(append(good, end...), flipped) {
		t.Errorf("the two parts are not the log as it was: %v", err)
	}
	if err := os.WriteFile(filepath.Join(aside, acknowledgedName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.tendOnce()
	if _, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, b); err != nil {
		t.Errorf("acknowledged: %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s = openFolder(t, dir, slog.New(slog.DiscardHandler))
	defer s.Close(t.Context())
	if err := s.Health(); err != nil {
		t.Errorf("after the next start: %v", err)
	}
}

// setAside returns the folder of what was taken out of a damaged log.
func setAside(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(dir, asideDir))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d folders are set aside: %v", len(all), err)
	}
	return filepath.Join(dir, asideDir, all[0].Name())
}

// Segments behind the damage are kept whole.
func TestDamageBeforeOtherSegments(t *testing.T) {
	dir := killedLog(t)
	wal := filepath.Join(dir, "wal")
	whole, err := os.ReadFile(wlog.SegmentName(wal, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(wlog.SegmentName(wal, 1), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(wlog.SegmentName(wal, 0), int64(len(whole)-20)); err != nil {
		t.Fatal(err)
	}
	s := openFolder(t, dir, slog.New(slog.DiscardHandler))
	defer s.Close(t.Context())
	if err := s.Health(); err == nil {
		t.Error("a record that is torn before others is taken for the last one")
	}
	kept, err := os.ReadFile(filepath.Join(setAside(t, dir), "00000001"))
	if err != nil || !slices.Equal(kept, whole) {
		t.Errorf("the segment behind the damage is not kept: %v", err)
	}
	if n := lastBatch(t, s); n != batches-2 {
		t.Errorf("the log reads up to batch %d, want %d", n, batches-2)
	}
}
