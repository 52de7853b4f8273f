package tsdb

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// ago returns the seconds, counted from start, of a moment before it.
func ago(d time.Duration) float64 { return -d.Seconds() }

// stage gathers series for a backfill of the store and returns its name.
func stage(t testing.TB, s *Store, series ...ingesttest.Series) string {
	t.Helper()
	from, err := OpenStaging(s.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, from.Store, series...); got != "ok" {
		t.Fatal(got)
	}
	if err := from.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return from.ID
}

// adopt has the store take over what is staged, and says what became of it.
func adopt(t testing.TB, s *Store, id string) string {
	t.Helper()
	done, err := s.Adopt(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if n := done.Refused.Total(); n > 0 {
		t.Errorf("refused %v", done.Refused.Err(0))
	}
	return fmt.Sprintf("stored %d, known %d, conflicts %d", done.Stored, done.Known, done.Conflicts)
}

// Old samples of every age are adopted: long before what is in memory, between
// that and the lateness, and among what senders may still send. The first wins,
// twice is once, and a restart loses neither the old nor the new.
func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	in := func(c *Config) { c.Dir = dir }
	s := openAt(t, in)
	live := of("a", ago(90*time.Minute), 100, ago(30*time.Minute), 110, 0, 120)
	if got := write(t, s, live); got != "ok" {
		t.Fatal(got)
	}
	old := func() []ingesttest.Series {
		return []ingesttest.Series{
			of("a", ago(10*24*time.Hour), 1, ago(9*24*time.Hour), 2, ago(3*time.Hour), 90,
				ago(100*time.Minute), 95, ago(90*time.Minute), 100, ago(30*time.Minute), 7, ago(time.Minute), 119),
			of("b", ago(10*24*time.Hour), 1, ago(10*24*time.Hour)+15, 2),
		}
	}
	if got, want := adopt(t, s, stage(t, s, old()...)), "stored 7, known 1, conflicts 1"; got != want {
		t.Errorf("first: %s, want %s", got, want)
	}
	want := []string{
		`{__name__="a", tenant="acme"} -864000:1 -777600:2 -10800:90 -6000:95 -5400:100 -1800:110 -60:119 0:120`,
		`{__name__="b", tenant="acme"} -864000:1 -863985:2`,
	}
	f := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, dump(t, s.Everything())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	f("adopted")
	pending, err := s.Backfills()
	if err != nil || len(pending) != 1 || pending[0].Oldest != at(-864000) ||
		!cmp.Equal(pending[0].Tenants, []invoq.TenantName{"acme"}) {
		t.Errorf("to be counted again: %v %v", pending, err)
	}
	if err := s.ForgetBackfills(pending...); err != nil {
		t.Fatal(err)
	}
	if got, want := adopt(t, s, stage(t, s, old()...)), "stored 0, known 8, conflicts 1"; got != want {
		t.Errorf("again: %s, want %s", got, want)
	}
	f("adopted again")
	if pending, err := s.Backfills(); err != nil || len(pending) != 0 {
		t.Errorf("nothing new, and to be counted again: %v %v", pending, err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s = open(t, in)
	f("after a restart")
	if left, err := filepath.Glob(filepath.Join(dir, stagingDir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// Starts and histograms are adopted as they were.
func TestAdoptKeepsStartsAndHistograms(t *testing.T) {
	s := open(t, nil)
	h := native(-800_000, 3)
	h.Start = at(-800_100)
	series := ingesttest.Series{
		Labels: []string{"__name__", "c"}, Samples: []ingest.Sample{{T: at(-864_000), V: 1, Start: at(-864_060)}},
	}
	id := stage(t, s, series, ingesttest.Series{Labels: []string{"__name__", "h"}, Histograms: []ingest.Histogram{h}})
	if got, want := adopt(t, s, id), "stored 2, known 0, conflicts 0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, want := range map[string]*point{
		"c": {t: at(-864_000), start: at(-864_060), v: 1},
		"h": {t: h.T, start: h.Start, h: h.Int},
	} {
		got, _, err := s.core.Load().lookUp(t.Context(), labelsOf(name), want.t, true)
		if err != nil || got == nil || got.start != want.start || !got.equals(*want) {
			t.Errorf("%s: %+v %v, want %+v", name, got, err, want)
		}
	}
}

// What a killed backfill has left is removed when the store is opened a day
// later, unless somebody works on it.
func TestStagingIsSwept(t *testing.T) {
	dir := t.TempDir()
	now := time.Now() // The names of staging stores have the time of their making.
	in := func(c *Config) { c.Dir, c.Now = dir, func() time.Time { return now } }
	s := open(t, in)
	staged := func() *Staging {
		t.Helper()
		from, err := OpenStaging(s.cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return from
	}
	left, used := staged(), staged()
	if err := left.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := func(after time.Duration, want ...string) {
		t.Helper()
		now = now.Add(after)
		if err := s.sweepStaging(); err != nil {
			t.Fatal(err)
		}
		got, err := filepath.Glob(filepath.Join(dir, stagingDir, "*"))
		for i := range got {
			got[i] = filepath.Base(got[i])
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("after %s: %v (-want +got):\n%s", after, err, diff)
		}
	}
	f(time.Hour, left.ID, used.ID)
	f(stagingLife, used.ID)
	if err := used.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f(0)
}

// What retention would take away soon is not adopted, nor what nobody staged.
func TestAdoptRefuses(t *testing.T) {
	s := open(t, nil)
	cfg := s.cfg
	cfg.Retention *= 2
	from, err := OpenStaging(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, from.Store, of("a", ago(20*24*time.Hour), 1)); got != "ok" {
		t.Fatal(got)
	}
	if err := from.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := func(id string, want invoq.Kind) {
		t.Helper()
		if _, err := s.Adopt(t.Context(), id); invoq.KindOf(err) != want {
			t.Errorf("%q: %v, want %s", id, err, want)
		}
	}
	f(from.ID, invoq.KindUnprocessable)
	f("../tsdb", invoq.KindInvalid)
	f("01890000-0000-7000-8000-000000000000", invoq.KindNotFound)
	if got := dump(t, s.Everything()); len(got) > 0 {
		t.Errorf("stored %v", got)
	}
}

// Whatever is stored and staged in whatever order, adopting is as if the staged
// samples had come after the stored ones: the first of a time stays.
func TestAdoptKeepsTheFirst(t *testing.T) {
	s := open(t, nil)
	seed := time.Now().UnixNano()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	want := map[string]map[int]float64{}
	draw := func(name string, oldestHour int) ingesttest.Series {
		one, drawn := of(name), map[int]bool{}
		for range random.IntN(7) {
			second, v := -1800*random.IntN(2*oldestHour+1), float64(random.IntN(3))
			if drawn[second] {
				continue
			}
			drawn[second] = true
			one.Samples = append(one.Samples, ingest.Sample{T: at(second), V: v})
			if _, first := want[name][second]; !first {
				want[name][second] = v
			}
		}
		return one
	}
	var stored, staged []ingesttest.Series
	for n := range 300 {
		name := fmt.Sprintf("m%d", n)
		want[name] = map[int]float64{}
		stored, staged = append(stored, draw(name, 2)), append(staged, draw(name, 12))
	}
	if got := write(t, s, stored...); got != "ok" {
		t.Fatal(got)
	}
	t.Log(adopt(t, s, stage(t, s, staged...)))
	for name, samples := range want {
		for second, v := range samples {
			p, _, err := s.core.Load().lookUp(t.Context(), labelsOf(name), at(second), true)
			if err != nil || p == nil || p.v != v {
				t.Errorf("%s at %d: %v %v, want %g", name, second, p, err, v)
			}
		}
	}
}

// A snapshot opens as a store of its own, with late samples and adopted ones,
// and what comes after it is not in it.
func TestSnapshot(t *testing.T) {
	s := open(t, nil)
	f := func(got string) {
		t.Helper()
		if got != "ok" {
			t.Fatal(got)
		}
	}
	f(write(t, s, of("a", -60, 1, 0, 2)))
	f(write(t, s, of("a", -30, 1.5)))
	adopt(t, s, stage(t, s, of("a", ago(5*24*time.Hour), 0.5)))
	path, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := dump(t, s.Everything())
	f(write(t, s, of("a", 60, 3)))
	copied := open(t, func(c *Config) { c.Dir = filepath.Join(path, "tsdb") })
	if diff := cmp.Diff(want, dump(t, copied.Everything())); diff != "" {
		t.Error("copy (-want +got):\n" + diff)
	}
	f(write(t, copied, of("a", -15, 1.75)))
	f(write(t, copied, of("a", 15, 2.5)))
	if pending, err := copied.Backfills(); err != nil || len(pending) != 1 {
		t.Errorf("to be counted again: %v %v", pending, err)
	}
	if _, err := s.Snapshot(t.Context()); invoq.KindOf(err) != invoq.KindConflict {
		t.Errorf("a second snapshot of one moment: %v", err)
	}
}

// An empty store has a snapshot, too.
func TestSnapshotOfNothing(t *testing.T) {
	s := open(t, nil)
	path, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	copied := open(t, func(c *Config) { c.Dir = filepath.Join(path, "tsdb") })
	if got := dump(t, copied.Everything()); len(got) > 0 {
		t.Errorf("copied %v", got)
	}
}

// Of a snapshot that was not finished nothing stays, and of the others all.
func TestPartsOfSnapshotsAreSwept(t *testing.T) {
	s := open(t, nil)
	path, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path+"0"+partSuffix, "tsdb"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := s.sweepSnapshots(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if diff := cmp.Diff([]string{path}, left); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A store that is open is seen to be, from outside.
func TestInUse(t *testing.T) {
	dir := t.TempDir()
	f := func(when string, want bool) {
		t.Helper()
		if got, err := InUse(dir); err != nil || got != want {
			t.Errorf("%s: in use %v %v", when, got, err)
		}
	}
	f("new", false)
	s := openAt(t, func(c *Config) { c.Dir = dir })
	f("open", true)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f("closed", false)
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f("killed", false)
	if _, err := InUse(filepath.Join(dir, strings.Repeat("x", 300))); err == nil {
		t.Error("a folder that cannot be is not in use")
	}
}

// labelsOf returns the labels under which of's series is stored.
func labelsOf(name string) labels.Labels {
	return labels.FromStrings("__name__", name, ingest.TenantLabel, "acme")
}
