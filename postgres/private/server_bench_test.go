package private

import (
	"fmt"
	"testing"
)

// BenchmarkStart measures Start and Stop together: with a new cluster each
// time, and on one that is there.
func BenchmarkStart(b *testing.B) {
	needBinaries(b)
	for _, volatile := range []bool{false, true} {
		b.Run(fmt.Sprintf("first/volatile=%v", volatile), func(b *testing.B) {
			for b.Loop() {
				startStop(b, Config{Dir: newDir(b), Volatile: volatile})
			}
		})
		b.Run(fmt.Sprintf("again/volatile=%v", volatile), func(b *testing.B) {
			cfg := Config{Dir: newDir(b), Volatile: volatile}
			startStop(b, cfg)
			for b.Loop() {
				startStop(b, cfg)
			}
		})
	}
}

func startStop(b *testing.B, cfg Config) {
	b.Helper()
	s, err := Start(b.Context(), cfg)
	noError(b, err)
	noError(b, s.Stop(b.Context()))
}
