//go:build linux

package disk_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"invoq"
	"invoq/disk"
	"invoq/internal/diskfault"
)

// watch watches a disk of 64 MiB, of which 8 have to stay free.
func watch(t *testing.T) (*disk.Watch, *diskfault.Memory) {
	t.Helper()
	memory := diskfault.NewMemory(t, t.TempDir(), 64)
	w, err := disk.Open(disk.Config{
		Dir: memory.Dir, FloorBytes: 8 << 20, BallastBytes: 256 << 20,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w, memory
}

func TestRoom(t *testing.T) {
	w, memory := watch(t)
	for _, check := range []func() error{w.Room, w.RoomToStart, w.Probe} {
		if err := check(); err != nil {
			t.Errorf("an empty disk: %v", err)
		}
	}
	memory.Fill()
	var e *invoq.Error
	if err := w.Room(); !errors.As(err, &e) || e.Kind != invoq.KindStorageFull || e.RetryAfter == 0 {
		t.Errorf("a full disk has room: %v", err)
	}
	if err := w.RoomToStart(); err == nil {
		t.Error("a full disk has room to start")
	}
	if err := w.Probe(); invoq.KindOf(err) != invoq.KindUnavailable {
		t.Errorf("a full disk can be written to: %v", err)
	}
	memory.Free()
	if err := errors.Join(w.Room(), w.Probe()); err != nil {
		t.Errorf("a disk that was freed: %v", err)
	}
	left, err := os.ReadDir(memory.Dir)
	if err != nil || len(left) != 0 {
		t.Errorf("probes left %v: %v", left, err)
	}
}

// The larger of the two floors holds; to start, the one in bytes is enough.
func TestFloor(t *testing.T) {
	memory := diskfault.NewMemory(t, t.TempDir(), 64)
	open := func(bytes int64, percent float64) *disk.Watch {
		w, err := disk.Open(disk.Config{Dir: memory.Dir, FloorBytes: bytes, FloorPercent: percent},
			slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	f := func(bytes int64, percent float64, room, start bool) {
		t.Helper()
		w := open(bytes, percent)
		if w.Room() == nil != room || w.RoomToStart() == nil != start {
			t.Errorf("floor %d or %g %%: %v, %v", bytes, percent, w.Room(), w.RoomToStart())
		}
	}
	if err := os.WriteFile(filepath.Join(memory.Dir, "half"), make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f(31<<20, 0, true, true)
	f(33<<20, 0, false, false)
	f(0, 49, true, true)
	f(0, 51, false, true)
	f(31<<20, 51, false, true)
}

func TestReadOnlyDisk(t *testing.T) {
	w, memory := watch(t)
	memory.ReadOnly()
	for _, check := range []func() error{w.Room, w.RoomToStart, w.Probe} {
		if err := check(); invoq.KindOf(err) != invoq.KindUnavailable {
			t.Errorf("a disk that is read-only: %v", err)
		}
	}
}

// The ballast is a 64th of a small disk. It is not made again where there is
// little room: who deletes it needs the room.
func TestBallast(t *testing.T) {
	w, memory := watch(t)
	path := filepath.Join(memory.Dir, "ballast")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	eventually(t, func() bool { s, err := os.Stat(path); return err == nil && s.Size() == 1<<20 })
	memory.Fill()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	again, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(again); err != nil { // It looks once.
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the ballast is made on a full disk")
	}
	memory.Free()
	if err := w.Run(again); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("with plenty of room again: %v", err)
	}
}

func TestConfig(t *testing.T) {
	f := func(c disk.Config, says string) {
		t.Helper()
		_, err := disk.Open(c, slog.New(slog.DiscardHandler))
		if invoq.KindOf(err) != invoq.KindUnprocessable || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", c, err, says)
		}
	}
	f(disk.Config{}, "folder")
	f(disk.Config{Dir: ".", FloorBytes: -1}, "negative")
	f(disk.Config{Dir: ".", BallastBytes: -1}, "negative")
	f(disk.Config{Dir: ".", FloorPercent: 100}, "100 %")
	if err := disk.DefaultConfig(".").Validate(); err != nil {
		t.Error(err)
	}
}

// SameDisk tells mounts apart, also by folders that are not there yet.
func TestSameDisk(t *testing.T) {
	w, memory := watch(t)
	f := func(dir string, want bool) {
		t.Helper()
		if same, err := w.SameDisk(dir); err != nil || same != want {
			t.Errorf("%s: %t, %v", dir, same, err)
		}
	}
	f(memory.Dir, true)
	f(filepath.Join(memory.Dir, "not", "yet"), true)
	f("/", false)
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time")
		}
	}
}
