package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"invoq"
	"invoq/disk"
)

// Folders in the data folder; each may be a disk of its own.
const (
	tsdbDir     = "tsdb"
	queueDir    = "queue"
	postgresDir = "postgres"
)

// openDisks begins to watch the disks, and waits for room on them: a store that
// is opened on a full disk would end the process. Nothing listens yet, so that
// probes are refused in the meantime and not left hanging.
func (h *house) openDisks(ctx context.Context) error {
	if h.cfg.DiskFloorMB < disk.MinFloorBytes>>20 {
		return invoq.Errorf(invoq.KindUnprocessable, "disk-floor-mb %d is less than %d",
			h.cfg.DiskFloorMB, disk.MinFloorBytes>>20)
	}
	dirs := []string{h.dir, h.tsdb.Dir}
	if h.cfg.QueueURL == "" {
		dirs = append(dirs, filepath.Join(h.dir, queueDir))
	}
	for _, dir := range dirs {
		if _, err := h.disk(dir); err != nil {
			return err
		}
	}
	if h.cfg.DatabaseURL == "" {
		var err error
		if h.databaseDisk, err = h.disk(filepath.Join(h.dir, postgresDir)); err != nil {
			return err
		}
	}
	for _, w := range h.disks {
		w.Measure(h.set)
		h.background("disk", w.Run)
	}
	return h.awaitRoom(ctx)
}

// startPatience is how long a start waits for room. Then it gives up: nobody is
// answered while it waits, and whoever started the server has to see that.
const startPatience = time.Minute

// awaitRoom waits until every disk has room to start, and tells the log why.
func (h *house) awaitRoom(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for _, w := range h.disks {
		waits := false
		for err := w.RoomToStart(); err != nil; err = w.RoomToStart() {
			if !waits {
				h.log.Warn("waits for room to start", "err", err, "at_most", startPatience)
				waits = true
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("there is no room to start: %w", err)
			case <-tick.C:
			}
		}
	}
	return nil
}

// disk returns the watch of the disk that the folder is on.
func (h *house) disk(dir string) (*disk.Watch, error) {
	for _, w := range h.disks {
		if same, err := w.SameDisk(dir); err != nil || same {
			return w, err
		}
	}
	w, err := disk.Open(disk.Config{
		Dir: dir, FloorBytes: h.cfg.DiskFloorMB << 20, FloorPercent: h.cfg.DiskFloorPercent,
		BallastBytes: h.cfg.BallastMB << 20,
	}, h.log)
	if err != nil {
		return nil, err
	}
	h.disks = append(h.disks, w)
	return w, nil
}
