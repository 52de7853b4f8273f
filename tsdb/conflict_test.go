package tsdb

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// of returns a series with samples given as seconds and values in turn.
func of(name string, pairs ...float64) ingesttest.Series {
	s := ingesttest.Series{Labels: []string{"__name__", name}}
	for i := 0; i < len(pairs); i += 2 {
		s.Samples = append(s.Samples, ingest.Sample{T: at(int(pairs[i])), V: pairs[i+1]})
	}
	return s
}

// A sample that contradicts another for the same time is reported wherever the
// other is: stored in order, stored late, or in the same request.
func TestWriterReportsEveryConflict(t *testing.T) {
	s := open(t, nil)
	f := func(name, want string, series ...ingesttest.Series) {
		t.Helper()
		got, _, _ := strings.Cut(write(t, s, series...), " (such as")
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
	rejected := func(kept, n int) string {
		return fmt.Sprintf("kept %d samples, rejected %d: "+
			"%d samples that differ from the one stored for the same time", kept, n, n)
	}
	f("the first", "ok", of("a", 0, 1, 60, 2, 120, 3))
	f("the newest, other value", rejected(0, 1), of("a", 120, 4))
	f("an older one, same value", "ok", of("a", 60, 2))
	f("an older one, other value", rejected(0, 1), of("a", 60, 5))
	f("late", "ok", of("a", 30, 1.5))
	f("late, same value", "ok", of("a", 30, 1.5))
	f("late, other value", rejected(0, 1), of("a", 30, 9))
	f("late twice in a request", rejected(1, 1), of("a", 40, 1, 40, 2))
	f("late and again, in series of one request", rejected(1, 1), of("a", 50, 1), of("a", 50, 2))
	f("late, the same again", "ok", of("a", 51, 1), of("a", 51, 1))
	f("new twice in a request", rejected(1, 1), of("a", 130, 1, 130, 2))
	f("new and again, in series of one request", rejected(1, 1), of("a", 140, 1), of("a", 140, 2))
	f("new, the same again", "ok", of("a", 150, 1, 150, 1), of("a", 150, 1))
	f("not in the order of time", "ok", of("a", 200, 3, 180, 2, 190, 2.5))
	f("not in the order of time, with a conflict", rejected(1, 1), of("a", 210, 3, 180, 9))
	f("a series that began with a late sample", "ok", of("b", -600, 1))
	f("and conflicts", rejected(0, 1), of("b", -600, 2))

	want := []string{
		`{__name__="a", tenant="acme"} 0:1 30:1.5 40:1 50:1 51:1 60:2 120:3 130:1 140:1 150:1 180:2 190:2.5 200:3 210:3`,
		`{__name__="b", tenant="acme"} -600:1`,
	}
	if diff := cmp.Diff(want, dump(t, s.Everything())); diff != "" {
		t.Error("stored (-want +got):\n" + diff)
	}
}

// A writer that has just started knows no series yet, and reports the same.
func TestWriterReportsConflictsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	in := func(c *Config) { c.Dir = dir }
	first := openAt(t, in)
	write(t, first, of("a", 0, 1, 60, 2, 30, 1.5), of("b", 0, 1))
	if err := first.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := open(t, in)
	for _, f := range []struct {
		series ingesttest.Series
		ok     bool
	}{
		{of("a", 30, 7), false}, {of("a", 0, 7), false}, {of("a", 60, 7), false},
		{of("a", 30, 1.5, 45, 2), true}, {of("b", 0, 2), false}, {of("b", -30, 2), true},
	} {
		if got := write(t, s, f.series); (got == "ok") != f.ok {
			t.Errorf("%v: %s", f.series.Samples, got)
		}
	}
}

// openAt is open for a store that the test closes.
func openAt(t testing.TB, change func(*Config)) *Store {
	t.Helper()
	cfg := DefaultConfig("")
	change(&cfg)
	cfg.Now = func() time.Time { return start }
	s, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eitherBatch returns the series as one of the protocols has them: their labels
// spelled, or by number.
func eitherBatch(t *testing.T, rt *rapid.T, series []ingesttest.Series) *ingest.Batch {
	if rapid.Bool().Draw(rt, "numbered") {
		return ingesttest.Batch2(t, series...)
	}
	return ingesttest.Batch(series...)
}

// Whatever comes, in whatever order, by whichever protocol and however cut into
// requests, each sample is stored or refused for a stored one that differs: the
// first wins.
func TestWriterKeepsTheFirst(t *testing.T) {
	s := open(t, nil)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprintf("m%d", n)
		stored := map[int64]float64{}
		for range rapid.IntRange(1, 5).Draw(rt, "requests") {
			var series []ingesttest.Series
			conflicts := 0
			for range rapid.IntRange(1, 3).Draw(rt, "series") {
				one := of(name)
				at0 := rapid.IntRange(-50, 50)
				for range rapid.IntRange(1, 4).Draw(rt, "samples") {
					one.Samples = append(one.Samples, ingest.Sample{
						T: at(at0.Draw(rt, "t")), V: float64(rapid.IntRange(0, 2).Draw(rt, "v")),
					})
				}
				series = append(series, one)
			}
			// Within a series the samples are taken in the order of time.
			for _, one := range series {
				b := ingesttest.Batch(one)
				slices.SortStableFunc(b.Samples, byTime)
				for _, p := range b.Samples {
					first, known := stored[p.T]
					if !known {
						stored[p.T] = p.V
					} else if first != p.V {
						conflicts++
					}
				}
			}
			rejected, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, eitherBatch(t, rt, series))
			if err != nil {
				rt.Fatal(err)
			}
			if got := rejected.Count(ingest.Duplicate); got != conflicts || rejected.Total() != conflicts {
				rt.Fatalf("%d conflicts reported of %d: %v", got, conflicts, series)
			}
		}
		ls := labels.FromStrings("__name__", name, "tenant", "acme")
		for at, v := range stored {
			p, _, err := s.core.Load().lookUp(t.Context(), ls, at, true)
			if err != nil || p == nil || p.v != v {
				rt.Fatalf("at %d: %v %v, want %g", at, p, err, v)
			}
		}
	})
}
