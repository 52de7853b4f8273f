package tsdb

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"invoq"
	"invoq/internal/fuzzing"
)

// FuzzQuery: an expression is refused as the sender's fault, or its canonical
// layout is the layout of what that says; what it costs is told either way.
func FuzzQuery(f *testing.F) {
	for _, expr := range []string{
		"", "up", `sum by (job) (rate(m{tenant=~".*",a!="b"}[5m])) / on () group_left vector(1)`, `{tenant="b"} or m`,
		"m @ start() offset -1h", "sum_over_time(m[1h:1ms])", "max_over_time(sum_over_time(m[1d:1s])[30d:1s])", "info(m)",
		"1" + strings.Repeat("+1", 4_000), "1" + strings.Repeat("+1", 40_000), strings.Repeat("(", 4_000) + "1",
		strings.Repeat("-", 8_000) + "1", strings.Repeat("abs(", 1_600), "m{" + strings.Repeat(`a="b",`, 1_300) + "}",
		`"` + strings.Repeat(`\x41`, 2_000) + `"`, "m[9223372036854775807y]", "1e999 ^ NaN % -Inf", "{\"é\",a=~\"(a+)+$\"}",
		`label_replace(m, "x", "$1", "y", "(.*)")`, "histogram_quantile(0.9, sum(m) by (le))", "count_values(\"x\", m)",
	} {
		f.Add(expr, int64(0), int64(0))
		f.Add(expr, int64(365*24*time.Hour), int64(time.Second))
	}
	q := &Queries{limits: DefaultQueryLimits(), parser: parser.NewParser(parser.Options{})}
	bounds := fuzzing.Default()
	// What is open at each bracket stands on the parser's stack, which doubles;
	// the limit of a query ends that at some megabytes.
	bounds.PerByte = 1200
	f.Fuzz(func(t *testing.T, expr string, span, step int64) {
		var layout string
		var err error
		bounds.Hold(t, len(expr), func() {
			if layout, err = q.Format(expr); err == nil {
				err = q.checkCost(expr, max(time.Duration(span), 0), time.Duration(step))
			}
		})
		switch invoq.KindOf(err) {
		case "", invoq.KindInvalid, invoq.KindTooLarge, invoq.KindUnprocessable:
		default:
			t.Fatalf("kind of %v", err)
		}
		if layout == "" || len(layout) > q.limits.Bytes {
			return
		}
		if again, err := q.Format(layout); err != nil || again != layout {
			t.Fatalf("%q is laid out as\n%s\nand that as\n%s\n%v", expr, layout, again, err)
		}
	})
}
