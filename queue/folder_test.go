package queue

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The folder is that of the server's own files, and its names are synced when
// there are others than before.
func TestFolderOfMessages(t *testing.T) {
	q := openQueue(t, t.TempDir())
	f := q.link.Load().folder
	if err := q.Put(t.Context(), events(0, 1)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1.blk"}, f.known); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(f.path, "10.blk"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1.blk", "10.blk"}, f.known); diff != "" {
		t.Error(diff)
	}
	drainUntil(t, q, newSink(0), 1)
	if err := f.rewritten(); err != nil {
		t.Error(err)
	}
}

// A folder that cannot be synced is a disk that failed: nothing is acknowledged.
func TestFolderThatCannotBeSynced(t *testing.T) {
	q := openQueue(t, t.TempDir())
	q.link.Load().folder.path = filepath.Join(t.TempDir(), "missing")
	if err := q.Put(t.Context(), events(0, 1)); !errors.Is(err, errUnsynced) {
		t.Errorf("put: %v", err)
	}
	if q.Health() == nil {
		t.Error("the queue calls itself healthy")
	}
}
