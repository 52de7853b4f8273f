package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"invoq"
	"invoq/disk"
)

// A start without room says once that it waits, and gives up with what is free,
// what has to be, and what to do.
func TestAwaitRoomGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		dir := t.TempDir()
		w, err := disk.Open(disk.Config{Dir: dir, FloorBytes: 1 << 60}, logger)
		if err != nil {
			t.Fatal(err)
		}
		h := &house{log: logger, disks: []*disk.Watch{w}}
		f := func(wants ...string) {
			t.Helper()
			log.Reset()
			started := time.Now()
			err := h.awaitRoom(t.Context())
			if exitCode(err) != exitFailure || invoq.KindOf(err) != invoq.KindStorageFull {
				t.Fatalf("a disk without room: %v", err)
			}
			if took := time.Since(started); took != startPatience {
				t.Errorf("it waits for %s", took)
			}
			for _, want := range wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			if n := strings.Count(log.String(), "waits for room to start"); n != 1 {
				t.Errorf("it is logged %d times:\n%s", n, &log)
			}
		}
		f("MiB are free on the disk of "+dir, "1099511627776.0 MiB have to be", "lower --disk-floor-mb")
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		f("delete " + ballast)
	})
}
