package tsdbtest

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/tsdb"
)

// Start is the instant at which loaded series begin, unless told otherwise.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Open returns a TSDB in a new folder that accepts samples of any age.
func Open(t testing.TB) *tsdb.Store {
	t.Helper()
	cfg := tsdb.DefaultConfig(t.TempDir())
	cfg.Lateness, cfg.Retention = 1000*time.Hour, 2000*time.Hour
	cfg.Ahead = 1000 * time.Hour
	cfg.SyncInterval = time.Hour // These tests do not cut the power.
	cfg.Now = func() time.Time { return Start }
	s, err := tsdb.Open(cfg, slog.New(slog.DiscardHandler))
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

// Load stores series, one a line:
//
//	[start] name{label="value"} value value _ stale
//
// with a value every step from Start, or from Start plus the duration that
// stands before the name; "_" is a missed scrape and "stale" a stale marker.
func Load(t testing.TB, s *tsdb.Store, tenant string, step time.Duration, lines string) {
	t.Helper()
	var all []ingesttest.Series
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			series, err := parse(line, step)
			if err != nil {
				t.Fatalf("load %q: %v", line, err)
			}
			all = append(all, series)
		}
	}
	Write(t, s, tenant, all...)
}

// Write stores series of a tenant and fails the test if any is refused.
func Write(t testing.TB, s *tsdb.Store, tenant string, series ...ingesttest.Series) {
	t.Helper()
	scope := ingest.Scope{Tenant: invoq.TenantName(tenant)}
	b := ingesttest.Batch(series...)
	rejected, err := s.Writer().Write(t.Context(), scope, b)
	if err == nil {
		err = rejected.Err(len(b.Samples))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// parse reads one line of the notation: a time to start at, a series, and its
// values step by step.
func parse(line string, step time.Duration) (ingesttest.Series, error) {
	var series ingesttest.Series
	at := Start
	if first, rest, _ := strings.Cut(line, " "); !strings.ContainsAny(first, "{}") {
		if d, err := time.ParseDuration(first); err == nil {
			at, line = at.Add(d), strings.TrimSpace(rest)
		}
	}
	end := strings.LastIndexByte(line, '}') + 1
	if end == 0 {
		end = strings.IndexByte(line, ' ')
	}
	ls, err := parser.NewParser(parser.Options{}).ParseMetric(line[:end])
	if err != nil {
		return series, fmt.Errorf("parse metric: %w", err)
	}
	ls.Range(func(l labels.Label) { series.Labels = append(series.Labels, l.Name, l.Value) })
	for i, field := range strings.Fields(line[end:]) {
		sample := ingest.Sample{T: at.Add(time.Duration(i) * step).UnixMilli()}
		switch field {
		case "_":
			continue
		case "stale":
			sample.V = math.Float64frombits(value.StaleNaN)
		default:
			if sample.V, err = strconv.ParseFloat(field, 64); err != nil {
				return series, fmt.Errorf("parse value: %w", err)
			}
		}
		series.Samples = append(series.Samples, sample)
	}
	return series, nil
}
