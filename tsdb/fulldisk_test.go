//go:build linux

package tsdb

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq"
	"invoq/disk"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/internal/diskfault"
)

// noisy returns samples of many series that do not compress: a batch takes about
// 100 KB of the log. Late ones lie before all others.
func noisy(rng *rand.Rand, n int, late bool) []ingesttest.Series {
	second := n
	if late {
		second = -1000 - n
	}
	var all []ingesttest.Series
	for pod := range 1000 {
		var samples []ingest.Sample
		for i := range 10 {
			samples = append(samples, ingest.Sample{T: at(second) + int64(i), V: rng.Float64()})
		}
		all = append(all, ingesttest.Series{
			Labels: []string{"__name__", "m", "pod", fmt.Sprint(pod)}, Samples: samples,
		})
	}
	return all
}

// Where the disk is filled behind the back of the watch, a write to the log fails
// half-way. Nothing is acknowledged from then on, and with room the store reads
// its log anew and goes on by itself, with all that it acknowledged.
func TestLostWrite(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%t", late), func(t *testing.T) { testLostWrite(t, late) })
	}
}

func testLostWrite(t *testing.T, late bool) {
	memory := diskfault.NewMemory(t, t.TempDir(), 5)
	// Without a floor nothing warns.
	watch, err := disk.Open(disk.Config{Dir: memory.Dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, func(c *Config) { c.Dir, c.Disk = memory.Dir, watch })
	rng := rand.New(rand.NewPCG(3, 3))
	put := func(n int) error {
		b := ingesttest.Batch(noisy(rng, n, late && n > 0)...)
		_, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, b)
		return err
	}
	taken := 0
	for err = nil; err == nil && taken < 1000; taken++ {
		err = put(taken)
	}
	acknowledged := taken - 1
	var e *invoq.Error
	if !errors.As(err, &e) || e.Kind != invoq.KindUnavailable {
		t.Fatalf("after %d batches: %v", acknowledged, err)
	}
	for n := range 3 {
		if err := put(taken + n); err == nil {
			t.Fatal("a batch behind the failed write is acknowledged")
		}
	}
	if s.Health() == nil {
		t.Error("the store calls itself healthy")
	}
	memory.Resize(64)
	for deadline := time.Now().Add(30 * time.Second); s.Health() != nil; <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not go on: %v", s.Health())
		}
	}
	if err := put(taken); err != nil {
		t.Fatalf("it went on and takes nothing: %v", err)
	}
	// A thousand series with ten of each batch: those acknowledged, and the last.
	if n := countSamples(t, s); n < 10_000*(acknowledged+1) {
		t.Fatalf("%d samples are left of %d", n, 10_000*(acknowledged+1))
	}
}

// countSamples returns how many samples the store has.
func countSamples(t *testing.T, s *Store) int {
	t.Helper()
	q, err := s.Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "m"))
	n := 0
	var it chunkenc.Iterator
	for set.Next() {
		for it = set.At().Iterator(it); it.Next() != chunkenc.ValNone; {
			n++
		}
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return n
}
