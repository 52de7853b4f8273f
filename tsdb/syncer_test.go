package tsdb

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/tsdb/wlog"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// segment makes a segment of a log.
func segment(t *testing.T, dir string, n int) {
	t.Helper()
	if err := os.WriteFile(wlog.SegmentName(dir, n), []byte("record"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Who commits while a round runs waits for the next one: the files may have been
// synced before the commit.
func TestSyncerWaits(t *testing.T) {
	dir := t.TempDir()
	segment(t, dir, 0)
	entered, release := make(chan struct{}), make(chan struct{})
	gate := func() float64 { // Called at the end of every round.
		entered <- struct{}{}
		<-release
		return 0
	}
	s, err := newSyncer(0, gate, dir)
	if err != nil {
		t.Fatal(err)
	}
	wait := func() chan error {
		done := make(chan error, 1)
		go func() { done <- s.wait(t.Context()) }()
		return done
	}
	first := wait()
	<-entered
	second := wait()
	select {
	case <-first:
		t.Fatal("acknowledged before the round ended")
	default:
	}
	release <- struct{}{}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	<-entered
	select {
	case <-second:
		t.Fatal("acknowledged by a round that had begun before")
	default:
	}
	release <- struct{}{}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.close() }()
	<-entered
	release <- struct{}{}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// A round follows the log into new segments, and leaves none behind unsynced.
func TestSyncerFollowsSegments(t *testing.T) {
	wal, wbl := t.TempDir(), filepath.Join(t.TempDir(), "wbl")
	segment(t, wal, 3)
	s, err := newSyncer(0, func() float64 { return 0 }, wal, wbl)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.wait(t.Context()); err != nil || s.logs[0].last != 3 {
		t.Fatalf("segment %d, %v", s.logs[0].last, err)
	}
	// The second log's folder comes with its first late sample.
	if err := os.Mkdir(wbl, 0o700); err != nil {
		t.Fatal(err)
	}
	segment(t, wal, 4)
	segment(t, wal, 5)
	segment(t, wbl, 0)
	if err := s.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if s.logs[0].last != 5 || s.logs[1].last != 0 {
		t.Errorf("synced up to segments %d and %d, want 5 and 0", s.logs[0].last, s.logs[1].last)
	}
}

// After a sync has failed nothing is acknowledged any more, and the server is
// not ready.
func TestNothingIsAcknowledgedUnsynced(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.Now = func() time.Time { return start }
	s, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err == nil {
			t.Error("the store says it closed in order")
		}
	})
	write := func(v float64) error {
		b := ingesttest.Batch(ingesttest.Series{
			Labels: []string{"__name__", "m"}, Samples: []ingest.Sample{{T: at(int(v)), V: v}},
		})
		_, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, b)
		return err
	}
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	if err := s.core.Load().syncer.logs[0].file.Close(); err != nil { // As a disk that is gone.
		t.Fatal(err)
	}
	for range 2 {
		if err := write(2); invoq.KindOf(err) != invoq.KindUnavailable {
			t.Errorf("a sample that was not synced: %v, want unavailable", err)
		}
	}
	if err := s.Health(); err == nil {
		t.Error("the store calls itself healthy")
	}
	select {
	case <-s.Failed():
	default:
		t.Error("nobody is told")
	}
}
