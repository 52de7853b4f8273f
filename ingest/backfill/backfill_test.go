package backfill_test

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/backfill"
	"invoq/internal/fuzzing"
	"invoq/tsdb"
)

// listed returns the samples as lines, and the error last.
func listed(all backfill.Samples) []string {
	var lines []string
	for s, err := range all {
		if err != nil {
			return append(lines, invoq.MessageOf(err))
		}
		lines = append(lines, fmt.Sprintf("%d %s %d %g", s.Line, s.Labels, s.T, s.V))
	}
	return lines
}

func TestOpenMetrics(t *testing.T) {
	f := func(name, text string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, listed(backfill.OpenMetrics(strings.NewReader(text)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	f("a whole text", `# HELP a Help.
# TYPE a counter
a_total{x="1"} 17 1767268800
a_total{x="1"} 18 1767268815.5 # {trace_id="t"} 1
# TYPE b gauge
# UNIT b_seconds seconds
{"b.c","k.l"="v"} -2.5 1767268800
b NaN 1
# EOF
`,
		`3 {__name__="a_total", x="1"} 1767268800000 17`, `4 {__name__="a_total", x="1"} 1767268815500 18`,
		`7 {__name__="b.c", "k.l"="v"} 1767268800000 -2.5`, `8 {__name__="b"} 1000 NaN`)
	f("nothing", "# EOF\n")
	f("no newline at the end", "a 1 1\n# EOF", `1 {__name__="a"} 1000 1`)
	f("no time", "a 1 1\na 2\n# EOF\n", `1 {__name__="a"} 1000 1`, "line 2: the sample has no time")
	f("cut short", "a 1 1\n", "line 2: the text ends without # EOF: it was cut short")
	f("cut within a line", "a 1 1\na 2", "line 3: the text ends without # EOF: it was cut short")
	f("more after the end", "# EOF\na 1 1\n", "line 2: something follows the end of the metrics")
	f("a long line", "a{x=\""+strings.Repeat("x", 2<<20)+"\"} 1 1\n# EOF\n", "line 1: it has more than 1048576 bytes")
	got := listed(backfill.OpenMetrics(strings.NewReader("a 1 1\n\na 1 2\n# EOF\n")))
	if last := got[len(got)-1]; !strings.HasPrefix(last, "line 2: ") {
		t.Errorf("an empty line: %s", last)
	}
	// The line is right however much was parsed before it.
	long := strings.Repeat("a_metric_of_some_length{label=\"value\"} 1 1\n", 50_000)
	got = listed(backfill.OpenMetrics(strings.NewReader(long + "b{ 1 1\n# EOF\n")))
	if last := got[len(got)-1]; len(got) != 50_001 || !strings.HasPrefix(last, "line 50001: ") {
		t.Errorf("after %d samples: %s", len(got)-1, last)
	}
}

func TestCSV(t *testing.T) {
	f := func(name, text string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, listed(backfill.CSV(strings.NewReader(text)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	f("a table", "value,__name__,timestamp,service,pod\n"+
		"17,a_total,2026-01-01T12:00:00Z,waiter,p1\n18,a_total,1767268815.5,\"wai\nter\",\n0,b,0,,\n",
		`2 {__name__="a_total", pod="p1", service="waiter"} 1767268800000 17`,
		`3 {__name__="a_total", service="wai\nter"} 1767268815500 18`, `5 {__name__="b"} 0 0`)
	f("nothing", "", "line 1: the table has no line of names")
	f("names alone", "timestamp,value,__name__\n")
	f("no name", "timestamp,value,job\n",
		`line 1: no column is called "__name__": name timestamp, value, __name__ and the labels`)
	f("a column twice", "timestamp,value,__name__,a,a\n",
		`line 1: column 5 is called "a", as no label or another column is`)
	head := "timestamp,value,__name__\n"
	f("a short row", head+"1,1,a\n1,1\n", `2 {__name__="a"} 1000 1`, "line 3: wrong number of fields")
	f("no number", head+"1,x,a\n", `line 2: value "x" is not a number`)
	f("no time", head+"noon,1,a\n", `line 2: timestamp "noon" is neither RFC 3339 nor seconds since 1970`)
	f("a time far away", head+"1e300,1,a\n", `line 2: timestamp "1e300" is out of range`)
	f("a quote that is not closed", head+"1,1,a\n1,1,\"a"+strings.Repeat("\n1,1,a", 1<<20),
		`2 {__name__="a"} 1000 1`, "line 3: a row from here on has more than 1048576 bytes")
	f("too many columns", head[:len(head)-1]+strings.Repeat(",x", 100)+"\n", "line 1: 103 columns, at most 66 are read")
}

// loader returns a loader into a new store whose clock stands at noon.
func loader(t *testing.T, noon time.Time) *backfill.Loader {
	t.Helper()
	cfg := tsdb.DefaultConfig(t.TempDir())
	cfg.Now = func() time.Time { return noon }
	cfg.Billable = func(metric string) bool { return strings.HasSuffix(metric, "_total") }
	s, err := tsdb.OpenStaging(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return &backfill.Loader{
		Receiver: ingest.NewReceiver(s.Writer(), ingest.DefaultLimits(), metrics.NewSet()), Tenant: "acme",
	}
}

// What ingest would refuse is refused, with the line where it stands.
func TestLoad(t *testing.T) {
	noon := time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return fmt.Sprint(noon.Add(d).Unix()) }
	f := func(name, text, want string) {
		t.Helper()
		l := loader(t, noon)
		got := "ok"
		if err := l.Load(t.Context(), backfill.OpenMetrics(strings.NewReader(text+"# EOF\n"))); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	good := "a_total 1 " + at(-24*time.Hour) + "\n"
	f("good", good+"a_total 2 "+at(0)+"\n", "ok")
	f("any order, and twice", "a_total 2 "+at(0)+"\n"+good+good, "ok")
	f("a conflict", good+good+"a_total 7 "+at(-24*time.Hour)+"\n",
		"line 3: samples that differ from the one stored for the same time: {")
	f("too old", good+"a_total 0 "+at(-15*24*time.Hour)+"\n", "line 2: samples older than the retention less a day: {")
	f("milliseconds for seconds", "a_total 0 1767268800000\n", "line 1: samples too far in the future: {")
	f("infinite", good+"a_total +Inf "+at(0)+"\n", "line 2: NaN or infinite values of a billable counter: {")
	f("a long label", good+"a{x=\""+strings.Repeat("x", 3000)+"\"} 1 "+at(0)+"\n",
		"line 2: series with a label that is too long: ")
	l := loader(t, noon)
	l.Skip = true
	err := l.Load(t.Context(), backfill.OpenMetrics(strings.NewReader(
		good+"a_total +Inf "+at(0)+"\nb_total NaN "+at(0)+"\n# EOF\n")))
	if err != nil || l.Read != 3 || l.Refused.Count(ingest.NotANumber) != 2 {
		t.Errorf("skipping: %v, %d read, %v", err, l.Read, l.Refused.Err(0))
	}
	l = loader(t, noon)
	l.Most = 1
	if err := l.Load(t.Context(), backfill.OpenMetrics(strings.NewReader(good+good+"# EOF\n"))); err == nil {
		t.Error("more than the most were read")
	}
}

func FuzzOpenMetrics(f *testing.F) {
	f.Add("# TYPE a counter\na_total{x=\"1\"} 17 1767268800 # {t=\"x\"} 1\n# EOF\n")
	f.Add("{\"b.c\",\"k.l\"=\"v\"} -2.5 1\n# EOF")
	f.Add(strings.Repeat("a 1 1\n", 30_000) + "# EOF\n")
	f.Add("a{" + strings.Repeat("x=\"1\",", 10_000) + "} 1 1\n# EOF\n")
	bounds := fuzzing.Default()
	// Lines are read through a buffer of the longest, and a label of 5 bytes takes
	// 32 of memory, twice while they are sorted.
	bounds.PerByte, bounds.Base = 48, 2<<20
	f.Fuzz(func(t *testing.T, text string) { check(t, bounds, backfill.OpenMetrics, text) })
}

func FuzzCSV(f *testing.F) {
	f.Add("timestamp,value,__name__,x\n1,2,a,\"b\nc\"\n2026-01-01T12:00:00Z,NaN,a,\n")
	f.Add("timestamp,value,__name__,=HYPERLINK(1)\n1,Inf,a,\"'); DROP TABLE tenants; --\"\n")
	f.Add("timestamp,value,__name__\n" + strings.Repeat("1,2,a\n", 30_000))
	f.Add(strings.Repeat(",", 100_000))
	f.Add("timestamp,value,__name__,\"" + strings.Repeat("x\n", 10_000))
	bounds := fuzzing.Default()
	// The reader of CSV keeps four numbers and a string of each cell, in lists
	// that grow, until the row, of a megabyte at most, is known to be too wide.
	bounds.PerByte = 192
	f.Fuzz(func(t *testing.T, text string) { check(t, bounds, backfill.CSV, text) })
}

// check holds that a reader ends, after its first error, with lines that are.
func check(t *testing.T, bounds fuzzing.Bounds, read func(io.Reader) backfill.Samples, text string) {
	bounds.Hold(t, len(text), func() {
		for range read(strings.NewReader(text)) {
		}
	})
	lines := strings.Count(text, "\n") + 1
	ended := false
	for s, err := range read(strings.NewReader(text)) {
		if ended {
			t.Fatal("something follows an error")
		}
		if ended = err != nil; !ended && (s.Line < 1 || s.Line > lines) {
			t.Fatalf("line %d of %d", s.Line, lines)
		}
	}
}
