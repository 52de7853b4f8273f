package benchingest

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table gathers results of a load, by contender and round.
type table struct {
	load load
	rows []row
}

// row is one contender's results, round by round.
type row struct {
	name    string
	results []result
}

// add notes a result. Rounds come in order.
func (t *table) add(name string, round int, res result) {
	i := slices.IndexFunc(t.rows, func(r row) bool { return r.name == name })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, row{name: name})
	}
	if len(t.rows[i].results) != round {
		panic("BUG: rounds of " + name + " are out of order")
	}
	t.rows[i].results = append(t.rows[i].results, res)
}

// measure is a column of the table.
type measure struct {
	name string
	// of returns the figure, 0 when there is none, and unit divides it.
	of     func(result) float64
	unit   float64
	format string
}

// measures are the columns. Where a higher figure is better, it is the first.
func measures() []measure {
	query := func(i int) func(result) float64 {
		return func(r result) float64 {
			if i >= len(r.queries) {
				return 0
			}
			return r.queries[i].Seconds()
		}
	}
	all := []measure{
		{"k samples/CPU-s", result.perCPUSecond, 1000, "%.0f"},
		{"k samples/s", func(r result) float64 { return float64(r.samples) / r.wall.Seconds() }, 1000, "%.0f"},
		{"peak MiB", func(r result) float64 { return float64(r.peakMemory) }, 1 << 20, "%.0f"},
		{"B/sample", func(r result) float64 { return float64(r.disk) / float64(r.samples) }, 1, "%.2f"},
		{"p99 ms", func(r result) float64 { return r.p99.Seconds() }, 0.001, "%.1f"},
	}
	for i := range queries {
		all = append(all, measure{fmt.Sprintf("query %d CPU-ms", i+1), query(i), 0.001, "%.0f"})
	}
	return all
}

// print writes the medians of all contenders, and Invoq's against the others'.
func (t *table) print(out io.Writer) error {
	rounds := len(t.rows[0].results)
	fmt.Fprintf(out, "\nload %s; medians of %d\n", t.load, rounds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	t.line(w, "", func(m measure) string { return m.name })
	slices.SortFunc(t.rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	for _, r := range t.rows {
		t.line(w, r.name, func(m measure) string {
			return figure(m.format, median(r.figures(m))/m.unit)
		})
	}
	for _, own := range t.rows {
		if !strings.HasPrefix(own.name, "invoq") {
			continue
		}
		for _, other := range t.rows {
			if other.name != own.name && other.name != "invoq "+rw2.String() {
				t.line(w, own.name+" / "+other.name, func(m measure) string {
					return figure("x%.2f", own.ratio(other, m))
				})
			}
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	for _, r := range t.rows {
		if strings.HasPrefix(r.name, "invoq") {
			fmt.Fprintf(out, "%s: CPU of its Postgres, not counted above: %.1f%% of its own\n",
				r.name, 100*median(r.figures(measure{of: othersShare})))
		}
	}
	return nil
}

// line writes a line of the table.
func (t *table) line(w io.Writer, name string, cell func(measure) string) {
	fmt.Fprint(w, name, "\t")
	for _, m := range measures() {
		if m.of(t.rows[0].results[0]) != 0 {
			fmt.Fprint(w, cell(m), "\t")
		}
	}
	fmt.Fprintln(w)
}

// figure formats a figure; there is none of nothing.
func figure(format string, v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// figures returns a column's figures, round by round.
func (r row) figures(m measure) []float64 {
	var all []float64
	for _, res := range r.results {
		all = append(all, m.of(res))
	}
	return all
}

// ratio returns the median of the ratios to another contender within each
// round.
func (r row) ratio(other row, m measure) float64 {
	var all []float64
	for i, v := range r.figures(m) {
		if of := m.of(other.results[i]); of != 0 {
			all = append(all, v/of)
		}
	}
	return median(all)
}

// othersShare returns the CPU time of the server's own processes against its
// own.
func othersShare(r result) float64 { return float64(r.others) / float64(r.used) }

// machine describes where this runs, and when.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(b), "model name")
		name, _, _ := strings.Cut(rest, "\n")
		model = strings.TrimLeft(name, "\t :")
	}
	return fmt.Sprintf("%s, %d processors, %s", model, runtime.NumCPU(), time.Now().UTC().Format("2006-01-02 15:04"))
}
