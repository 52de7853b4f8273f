package tsdb

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// start is the wall clock of these tests.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open returns a store in a new folder whose clock stands at start.
func open(t testing.TB, change func(*Config)) *Store {
	t.Helper()
	cfg := DefaultConfig(t.TempDir())
	cfg.Now = func() time.Time { return start }
	if change != nil {
		change(&cfg)
	}
	s, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// write writes series for the tenant acme and returns the verdict, "ok" if all
// was kept.
func write(t testing.TB, s *Store, series ...ingesttest.Series) string {
	t.Helper()
	b := ingesttest.Batch(series...)
	rejected, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := rejected.Err(len(b.Samples) - rejected.Samples()); err != nil {
		return err.Error()
	}
	return "ok"
}

// dump returns all that a queryable holds, a line a series.
func dump(t testing.TB, q storage.Queryable) []string {
	t.Helper()
	querier, err := q.Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer querier.Close()
	all := labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+")
	set := querier.Select(t.Context(), true, nil, all)
	var lines []string
	for set.Next() {
		line := set.At().Labels().String()
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			p := pointAt(it, kind)
			line += fmt.Sprintf(" %d:", (p.t-start.UnixMilli())/1000)
			switch {
			case p.h != nil:
				line += "h"
			case p.fh != nil:
				line += "fh"
			}
			line += fmt.Sprintf("%g", p.sum())
			if p.start != 0 {
				line += fmt.Sprintf("<%d", (p.start-start.UnixMilli())/1000)
			}
		}
		lines = append(lines, line)
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return lines
}

func at(seconds int) int64 { return start.UnixMilli() + int64(seconds)*1000 }

func TestWriterKeepsTheGoodAndReportsTheBad(t *testing.T) {
	s := open(t, func(c *Config) { c.Billable = func(m string) bool { return m == "f_requests_total" } })
	f := func(want string, series ...ingesttest.Series) {
		t.Helper()
		if got := write(t, s, series...); got != want {
			t.Errorf("verdict\n got %s\nwant %s", got, want)
		}
	}
	one := func(t int64, v float64) ingesttest.Series {
		return ingesttest.Series{
			Labels:  []string{"__name__", "f_requests_total"},
			Samples: []ingest.Sample{{T: t, V: v}},
		}
	}
	f("ok", one(at(0), 1))
	f("ok", one(at(0), 1)) // A retry.
	f("ok", one(at(15), 2), one(at(30), math.Float64frombits(value.StaleNaN)))
	f("ok", one(at(-60), 0)) // Late, and within the lateness.
	f("ok", one(at(-60), 0))
	f(`kept 1 samples, rejected 1: 1 samples that differ from the one stored for the same time `+
		`(such as {"__name__": "f_requests_total"} at 1772366430000)`, one(at(30), 5), one(at(45), 6))
	f(`kept 0 samples, rejected 1: 1 samples older than the accepted lateness `+
		`(such as {"__name__": "f_requests_total"} at 1772359199000)`, one(at(-7201), 1))
	f(`kept 0 samples, rejected 1: 1 samples too far in the future `+
		`(such as {"__name__": "f_requests_total"} at 1772366701000)`, one(at(301), 1))
	f(`kept 0 samples, rejected 1: 1 samples whose time looks like seconds, not milliseconds `+
		`(such as {"__name__": "f_requests_total"} at 1772366400)`, one(start.Unix(), 1))
	f(`kept 0 samples, rejected 2: 2 NaN or infinite values of a billable counter `+
		`(such as {"__name__": "f_requests_total"} at 1772366460000)`, one(at(60), math.NaN()), one(at(60), math.Inf(1)))
	f(
		"ok",
		ingesttest.Series{
			Labels:  []string{"__name__", "other"},
			Samples: []ingest.Sample{{T: at(0), V: math.NaN()}},
		},
	)

	want := []string{
		`{__name__="f_requests_total", tenant="acme"} -60:0 0:1 15:2 30:NaN 45:6`,
		`{__name__="other", tenant="acme"} 0:NaN`,
	}
	if diff := cmp.Diff(want, dump(t, s.Everything())); diff != "" {
		t.Error("stored (-want +got):\n" + diff)
	}
}

// What could not be made durable is sent again, so that what was refused of it is
// counted when it was answered, and once.
func TestWriterCountsRefusalsOnce(t *testing.T) {
	s := open(t, nil)
	hurried, cancel := context.WithCancel(t.Context())
	cancel()
	answered := int64(0)
	for n := range 20 {
		ctx := hurried
		if n == 19 {
			ctx = t.Context()
		}
		b := ingesttest.Batch(ingesttest.Series{
			Labels: []string{"__name__", "m"}, Samples: []ingest.Sample{{T: at(-9 * 3600)}, {T: at(n)}},
		})
		if _, err := s.Writer().Write(ctx, ingest.Scope{Tenant: "acme"}, b); err == nil {
			answered++
		}
	}
	told := s.Refusals("acme")
	if answered == 0 || len(told) != 1 || told[0].Count != answered {
		t.Errorf("%d answered requests had one refused sample each; told %+v", answered, told)
	}
}

func TestWriterStampsTheTenant(t *testing.T) {
	s := open(t, nil)
	spoof := ingesttest.Series{
		Labels:  []string{"__name__", "m", "tenant", "other"},
		Samples: []ingest.Sample{{T: at(0), V: 1}},
	}
	for _, scope := range []ingest.Scope{
		{Tenant: "acme"},
		{Tenant: "zeta"},
		{Resolve: ingest.Tenancy{}.Resolve},
	} {
		for range 2 { // The second time from the cache.
			if _, err := s.Writer().Write(t.Context(), scope, ingesttest.Batch(spoof)); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{
		`{__name__="m", tenant="acme"} 0:1`,
		`{__name__="m", tenant="other"} 0:1`,
		`{__name__="m", tenant="zeta"} 0:1`,
	}
	if diff := cmp.Diff(want, dump(t, s.Everything())); diff != "" {
		t.Error("stored (-want +got):\n" + diff)
	}
	if diff := cmp.Diff(want[:1], dump(t, s.Scoped("acme"))); diff != "" {
		t.Error("what acme sees (-want +got):\n" + diff)
	}
}

func TestWriterLimitsActiveSeries(t *testing.T) {
	s := open(t, func(c *Config) { c.SeriesPerTenant = 2 })
	series := func(name string) ingesttest.Series {
		return ingesttest.Series{
			Labels:  []string{"__name__", name},
			Samples: []ingest.Sample{{T: at(0), V: 1}},
		}
	}
	if got := write(t, s, series("a"), series("b")); got != "ok" {
		t.Fatal(got)
	}
	got := write(t, s, series("a"), series("c"))
	want := `kept 1 samples, rejected 1: 1 new series above the tenant's limit (such as {"__name__": "c"} at 1772366400000)`
	if got != want {
		t.Errorf("verdict\n got %s\nwant %s", got, want)
	}
	if n := s.ActiveSeries("acme"); n != 2 {
		t.Errorf("%d active series, want 2", n)
	}
	rejected, err := s.Writer().Write(
		t.Context(),
		ingest.Scope{Tenant: "zeta"},
		ingesttest.Batch(series("c")),
	)
	if err != nil || rejected.Total() != 0 {
		t.Errorf("another tenant's series: %v %v", rejected, err)
	}
}

func TestWriterOutlivesForgottenSeries(t *testing.T) {
	now := start
	s := open(t, func(c *Config) { c.Now = func() time.Time { return now } })
	series := func(name string, at time.Time) ingesttest.Series {
		return ingesttest.Series{
			Labels:  []string{"__name__", name},
			Samples: []ingest.Sample{{T: at.UnixMilli(), V: 1}},
		}
	}
	write(t, s, series("old", now))
	// Other series move the head on until the idle one is forgotten.
	for range 40 {
		now = now.Add(10 * time.Minute)
		write(t, s, series("clock", now))
	}
	if err := s.core.Load().db.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.ActiveSeries("acme"); n != 1 {
		t.Fatalf("%d active series, want the idle one forgotten", n)
	}
	if got := write(t, s, series("old", now)); got != "ok" {
		t.Fatal(got)
	}
	if n := s.ActiveSeries("acme"); n != 2 {
		t.Fatalf("%d active series, want 2", n)
	}
}
