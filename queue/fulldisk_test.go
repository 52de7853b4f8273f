//go:build linux

package queue

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/disk"
	"invoq/internal/diskfault"
)

// Where the disk is filled behind the back of the watch, JetStream stands still
// for ever. Nothing is acknowledged from then on, the queue says that it has to be
// started again, and then has all that it acknowledged.
func TestLostWrite(t *testing.T) {
	memory := diskfault.NewMemory(t, t.TempDir(), 8)
	q := openQueue(t, memory.Dir, func(c *Config) {
		// Without a floor nothing warns.
		watch, err := disk.Open(disk.Config{Dir: memory.Dir}, c.Log)
		if err != nil {
			t.Fatal(err)
		}
		c.Disk = watch
		c.putTime, c.stuckTime = time.Second, 2*time.Second
	})
	taken := 0
	var err error
	for ; err == nil && taken < 10_000; taken++ {
		err = q.Put(t.Context(), events(100*taken, 100*taken+100))
	}
	taken--
	if invoq.KindOf(err) != invoq.KindUnavailable {
		t.Fatalf("after %d requests: %v", taken, err)
	}
	if q.Health() == nil {
		t.Error("the queue calls itself healthy")
	}
	if err := q.Put(t.Context(), events(0, 1)); invoq.KindOf(err) != invoq.KindUnavailable {
		t.Errorf("behind a write that failed: %v", err)
	}
	select {
	case <-q.Failed():
	case <-time.After(stuckTime):
		t.Fatal("nobody is told")
	}
	// What a new process finds, on a disk that has room.
	after := t.TempDir()
	if err := os.CopyFS(after, os.DirFS(memory.Dir)); err != nil {
		t.Fatal(err)
	}
	memory.LetGo() // The server that stands still holds it open.
	q = openQueue(t, after)
	out := newSink(0)
	drainUntil(t, q, out, 100*taken)
	if diff := cmp.Diff(ids(events(0, 100*taken)), ids(out.got)[:100*taken]); diff != "" {
		t.Error(diff)
	}
}
