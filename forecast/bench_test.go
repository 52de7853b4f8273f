package forecast

import (
	"fmt"
	"testing"
)

// BenchmarkRun is the full fit with the default choice, by length of the
// history in hours; B/op is what it allocates.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{250, 500, 1000, 2000, 4000} {
		b.Run(fmt.Sprintf("hours=%d", n), func(b *testing.B) {
			s := Series{Values: days(n, 1), Period: 24}
			bench(b, func() error {
				_, err := Run(s, Options{Horizon: 48})
				return err
			})
		})
	}
}

// BenchmarkMethod is the full fit of one method on 1000 hours.
func BenchmarkMethod(b *testing.B) {
	s := Series{Values: days(1000, 1), Period: 24}
	for _, m := range Methods() {
		b.Run(string(m), func(b *testing.B) {
			bench(b, func() error {
				_, err := Run(s, Options{Horizon: 48, Methods: []Method{m}})
				return err
			})
		})
	}
}

// BenchmarkRefresh is a warm refresh, by length of the history in hours.
func BenchmarkRefresh(b *testing.B) {
	for _, n := range []int{500, 1000, 2000, 4000} {
		b.Run(fmt.Sprintf("hours=%d", n), func(b *testing.B) {
			s := Series{Values: days(n, 1), Period: 24}
			f, err := Run(s, Options{Horizon: 48})
			if err != nil {
				b.Fatal(err)
			}
			bench(b, func() error {
				_, err := Refresh(s, f.State)
				return err
			})
		})
	}
}

// BenchmarkTotal draws the thousand paths of a total.
func BenchmarkTotal(b *testing.B) {
	f, err := Run(Series{Values: days(1000, 1), Period: 24}, Options{Horizon: 48})
	if err != nil {
		b.Fatal(err)
	}
	bench(b, func() error { f.Total(1); return nil })
}

// bench measures one series after another.
func bench(b *testing.B, do func() error) {
	b.ReportAllocs()
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "series/s")
}
