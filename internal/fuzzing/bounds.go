package fuzzing

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// Bounds are what one execution of a decoder may cost. Start from Default.
type Bounds struct {
	// PerByte is how many bytes may be allocated for each of the input, Base how
	// many beside them. What is freed again while it runs counts as well.
	PerByte, Base int
	// Time is how long it may take.
	Time time.Duration
}

// Default returns the bounds of whatever has no reason for others: 16 times the
// input and 1 MiB, a quarter of a second.
func Default() Bounds {
	return Bounds{PerByte: 16, Base: 1 << 20, Time: 250 * time.Millisecond}
}

// repeats is how often an execution that was too dear is run again.
const repeats = 5

// Hold runs decode, which reads an input of size bytes, and fails the test where
// it keeps breaking the bounds. It then runs several times, so that decode must
// begin anew each time, and must not fail the test itself.
func (b Bounds) Hold(t testing.TB, size int, decode func()) {
	t.Helper()
	if err := b.Check(size, decode); err != nil {
		t.Fatal(err)
	}
}

// Check is Hold that returns what is broken.
func (b Bounds) Check(size int, decode func()) error {
	most := b.PerByte*size + b.Base
	// Fast path: the counter lags behind by a few pages, which a repetition
	// makes good.
	if c := measure(roughly, decode); c.bytes <= most && c.took <= b.Time {
		return nil
	}
	best := measure(exactly, decode)
	for range repeats - 1 {
		c := measure(exactly, decode)
		best = cost{min(best.bytes, c.bytes), min(best.took, c.took)}
	}
	switch {
	case best.bytes > most:
		return fmt.Errorf("an input of %d bytes has %d allocated, at most %d are allowed",
			size, best.bytes, most)
	case best.took > b.Time:
		return fmt.Errorf("an input of %d bytes takes %s, at most %s is allowed", size, best.took, b.Time)
	}
	return nil
}

// cost is what an execution took.
type cost struct {
	bytes int
	took  time.Duration
}

// measure runs decode and reads the counter of allocated bytes around it.
func measure(allocated func() uint64, decode func()) cost {
	before, started := allocated(), time.Now()
	decode()
	took := time.Since(started)
	return cost{int(allocated() - before), took}
}

// roughly returns the bytes allocated so far, but for what stands in pages that
// are not full.
func roughly() uint64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}

// exactly returns the bytes allocated so far. It stops the world.
func exactly() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
