package tsdb

import (
	"log/slog"
	"testing"
	"time"

	"invoq"
)

// The engine walks over the points of subqueries before any of its limits holds.
func TestCheckCost(t *testing.T) {
	q := NewQueries(open(t, nil), nil, DefaultQueryLimits(), slog.New(slog.DiscardHandler))
	f := func(expr string, span, step time.Duration, want invoq.Kind) {
		t.Helper()
		if got := invoq.KindOf(q.checkCost(expr, span, step)); got != want {
			t.Errorf("%s over %s every %s: %q, want %q", expr, span, step, got, want)
		}
	}
	const day = 24 * time.Hour
	f("sum(", 0, 0, invoq.KindInvalid)
	f("max_over_time(rate(x[5m])[30d:5m])", 0, 0, "")
	f("max_over_time(rate(x[5m])[1d:1m])", 7*day, time.Hour, "")
	f("max_over_time(x[365d:1s])", 0, 0, invoq.KindUnprocessable)
	// Each point of the outer one walks over all of the inner one.
	f("max_over_time(sum_over_time(vector(1)[40000s:1s])[40000s:1s])", 0, 0, invoq.KindUnprocessable)
	f("max_over_time(max_over_time(rate(x[5m])[1h:1m])[1d:5m])", 0, 0, "")
	// So does each step of a range query.
	f("sum_over_time(vector(1)[900000s:1s])", 10_000*time.Second, time.Second, invoq.KindUnprocessable)
}
