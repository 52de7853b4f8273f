package fuzzing

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"
)

// Bounds are what one execution of a decoder may cost. Start from Default.
type Bounds struct {
	// PerByte is how many bytes may be allocated for each of the input, Base how
	// many beside them. What is freed again while it runs counts as well.
	PerByte, Base int
	// Time is how long it may take, without what the processor did for others.
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
	// Fast path: the counter lags behind by a few pages, and the clock goes on
	// while others have the processor, which a repetition makes good.
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

// meter returns the bytes allocated and the time used so far.
type meter func() (bytes uint64, used time.Duration)

// measure runs decode between two readings.
func measure(read meter, decode func()) cost {
	bytes, used := read()
	decode()
	bytesThen, usedThen := read()
	return cost{int(bytesThen - bytes), usedThen - used}
}

// roughly reads the clock, and the bytes allocated but for what stands in pages
// that are not full.
func roughly() (uint64, time.Duration) {
	sample := [1]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64(), time.Duration(time.Now().UnixNano())
}

// exactly reads the bytes allocated, for which it stops the world, and the
// processor time of the process.
func exactly() (uint64, time.Duration) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("BUG: the process cannot ask for its own times: " + err.Error())
	}
	return m.TotalAlloc, time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
