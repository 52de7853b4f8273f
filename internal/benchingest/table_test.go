package benchingest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// loaded returns a result of a million samples that took so much CPU time.
func loaded(used time.Duration) result {
	return result{
		samples: 1_000_000, wall: time.Second, used: used, others: used / 10,
		peakMemory: 100 << 20, disk: 3_000_000, p99: 5 * time.Millisecond,
	}
}

func TestTablePrintsMediansAndRatiosWithinRounds(t *testing.T) {
	tab := table{load: load{name: "a", what: "test", series: 20, rounds: 2, generations: 1}}
	// The machine was slower from round to round; Invoq took a quarter, half and a
	// fifth of the other's time.
	for round, used := range []time.Duration{4, 10, 20} {
		own := []time.Duration{1, 5, 4}[round]
		tab.add("invoq RW 1.0", round, loaded(own*time.Second))
		tab.add("prometheus RW 1.0", round, loaded(used*time.Second))
	}
	var out strings.Builder
	if err := tab.print(&out); err != nil {
		t.Fatal(err)
	}
	want := `
load a (test): 20 series x 2 samples; medians of 3
                                   k samples/CPU-s  k samples/s  peak MiB  B/sample  p99 ms
                     invoq RW 1.0              250         1000       100      3.00     5.0
                prometheus RW 1.0              100         1000       100      3.00     5.0
  invoq RW 1.0 / prometheus RW 1.0            x4.00        x1.00     x1.00     x1.00   x1.00
invoq RW 1.0: CPU of its Postgres, not counted above: 10.0% of its own
`
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(out.String())); diff != "" {
		t.Errorf("table (-want +got):\n%s\n%s", diff, out.String())
	}
}

func TestParseStatReadsAnyName(t *testing.T) {
	// The fields of proc(5): 42 is the parent; 150 and 50 ticks are its own, 7 and 3
	// those of processes it has waited for.
	got := parseStat("17 (a) b (c) S 42 17 17 0 -1 4194560 1 2 3 4 150 50 7 3 20 0")
	want := stat{parent: 42, used: 2 * time.Second, reaped: 100 * time.Millisecond}
	if got != want {
		t.Errorf("parseStat = %+v, want %+v", got, want)
	}
}

func TestDescends(t *testing.T) {
	all := map[int]stat{1: {}, 10: {parent: 1}, 11: {parent: 10}, 20: {parent: 1}}
	f := func(pid int, want bool) {
		t.Helper()
		if got := descends(all, pid, 10); got != want {
			t.Errorf("descends(%d, 10) = %v, want %v", pid, got, want)
		}
	}
	f(11, true)
	f(20, false)
	f(1, false)
}

func TestQuantile(t *testing.T) {
	f := func(share float64, want int) {
		t.Helper()
		if got := quantile([]int{3, 1, 2, 5, 4}, share); got != want {
			t.Errorf("quantile(%v) = %d, want %d", share, got, want)
		}
	}
	f(0, 1)
	f(0.5, 3)
	f(0.99, 5)
	f(1, 5)
}
