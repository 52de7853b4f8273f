package fuzzing

import (
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	var kept []byte
	f := func(name, want string, size int, decode func()) {
		t.Helper()
		bounds := Bounds{PerByte: 16, Base: 1 << 20, Time: 50 * time.Millisecond}
		got := "ok"
		if err := bounds.Check(size, decode); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	allocate := func(n int) func() { return func() { kept = make([]byte, n) } }
	const base = 1 << 20
	f("nothing", "ok", 0, func() {})
	f("a little for nothing", "ok", 0, allocate(base/2))
	f("too much for nothing", "an input of 0 bytes has ", 0, allocate(2*base))
	f("much for much", "ok", base, allocate(16*base))
	f("too much for much", "an input of 1048576 bytes has ", base, allocate(18*base))
	f("much in pieces", "an input of 9 bytes has ", 9, func() {
		for range 2 * base / 100 {
			kept = make([]byte, 100)
		}
	})
	f("slow", "an input of 3 bytes takes ", 3, wait(60*time.Millisecond))

	// What happens once is somebody else's doing.
	runs := 0
	f("dear and slow once", "ok", 1, func() {
		if runs++; runs == 1 {
			allocate(4 * base)()
			wait(60 * time.Millisecond)()
		}
	})
	if runs != 1+repeats || len(kept) == 0 {
		t.Errorf("%d runs, want %d", runs, 1+repeats)
	}
}

// wait keeps the processor busy for as much of its time.
func wait(d time.Duration) func() {
	return func() {
		_, started := exactly()
		for used := started; used-started < d; _, used = exactly() {
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := Default().Check(0, func() {}); err != nil {
			b.Fatal(err)
		}
	}
}
