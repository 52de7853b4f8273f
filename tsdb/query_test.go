package tsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"invoq"
	"invoq/ingest"
)

// failing are derived series that cannot be read.
type failing struct{ err error }

// Families names the only one.
func (*failing) Families() map[string]ingest.Metadata {
	return map[string]ingest.Metadata{"invoq_usage": {}}
}

// Labels are those of every series.
func (*failing) Labels() []string { return []string{"__name__", "tenant"} }

// Series fails.
func (f *failing) Series(
	context.Context, invoq.TenantName, TimeRange, []*labels.Matcher,
) ([]labels.Labels, error) {
	return nil, f.err
}

// Samples fails.
func (f *failing) Samples(
	context.Context, invoq.TenantName, TimeRange, []*labels.Matcher,
) ([]DerivedSeries, error) {
	return nil, f.err
}

// Whose fault it is that a query fails is told as it is, and nothing of a
// failure of ours.
func TestQueryErrors(t *testing.T) {
	var derived failing
	q := NewQueries(open(t, nil), &derived, DefaultQueryLimits(), slog.New(slog.DiscardHandler))
	f := func(name string, cause error, want invoq.Kind, message string) {
		t.Helper()
		derived.err = cause
		err := q.Instant(t.Context(), "acme", "invoq_usage", start, func(*promql.Result) error { return nil })
		if got := invoq.KindOf(err); got != want || !strings.Contains(invoq.MessageOf(err), message) ||
			strings.Contains(invoq.MessageOf(err), "secret") {
			t.Errorf("%s: %q %q, want %q that says %q", name, got, invoq.MessageOf(err), want, message)
		}
	}
	f("a database that is down", errors.New("connect to secret-host"), invoq.KindInternal, "could not be read")
	f("a time that is over", fmt.Errorf("read windows of secret: %w", context.DeadlineExceeded),
		invoq.KindUnavailable, "took too long")
	f("too much", invoq.Errorf(invoq.KindUnprocessable, "reads too many windows"),
		invoq.KindUnprocessable, "too many windows")
}

// The steps of a range are counted however long it is: a difference of times
// ends at 292 years.
func TestRangeBoundsPoints(t *testing.T) {
	q := NewQueries(open(t, nil), nil, DefaultQueryLimits(), slog.New(slog.DiscardHandler))
	f := func(r Range, want invoq.Kind) {
		t.Helper()
		err := q.Range(t.Context(), "acme", "1", r, func(*promql.Result) error { return nil })
		if got := invoq.KindOf(err); got != want {
			t.Errorf("%v: %q, want %q: %v", r, got, want, err)
		}
	}
	const day = 24 * time.Hour
	f(Range{start, start.Add(10_999 * time.Second), time.Second}, "")
	f(Range{start, start.Add(11_000 * time.Second), time.Second}, invoq.KindInvalid)
	f(Range{time.Unix(-1e11, 0), time.Unix(1e11, 0), 30 * day}, invoq.KindInvalid)
	// The engine counts in milliseconds.
	f(Range{start, start.Add(11 * time.Second), 1900 * time.Microsecond}, invoq.KindInvalid)
}
