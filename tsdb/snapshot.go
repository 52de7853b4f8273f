package tsdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"invoq"
)

// snapshotsDir is the folder, inside of the store's, that holds snapshots.
const snapshotsDir = "snapshots"

// snapshotForm is how snapshots are named after the time of their making.
const snapshotForm = "20060102T150405.000Z"

// partSuffix is what the name of a snapshot ends with until it is whole.
const partSuffix = ".tmp"

// sweepSnapshots removes what the end of a process has left of snapshots.
func (s *Store) sweepSnapshots() error {
	parts, err := filepath.Glob(filepath.Join(s.cfg.Dir, snapshotsDir, "*"+partSuffix))
	for _, part := range parts {
		err = errors.Join(err, os.RemoveAll(part))
	}
	if err != nil {
		return fmt.Errorf("remove parts of snapshots: %w", err)
	}
	return nil
}

// Snapshot copies the store into a folder and returns the path of it. Every
// sample that was acknowledged before the call is in the copy. Its blocks are
// hard links, so it takes little room until the store drops them itself.
//
// The copy is the folder tsdb below the path, as a store opens it: the path can
// be the data folder of a server.
func (s *Store) Snapshot(ctx context.Context) (path string, err error) {
	s.adopting.Lock()
	defer s.adopting.Unlock()
	if err := s.Health(); err != nil {
		return "", err
	}
	path = filepath.Join(s.cfg.Dir, snapshotsDir, s.cfg.Now().UTC().Format(snapshotForm))
	if _, err := os.Stat(path); err == nil {
		return "", invoq.Errorf(invoq.KindConflict, "a snapshot of this moment is there: %s", path)
	}
	part := path + partSuffix
	if err := s.snapshot(ctx, filepath.Join(part, "tsdb")); err != nil {
		return "", errors.Join(fmt.Errorf("make a snapshot: %w", err), os.RemoveAll(part))
	}
	if err := os.Rename(part, path); err != nil {
		return "", fmt.Errorf("name the snapshot: %w", err)
	}
	return path, syncDir(filepath.Dir(path))
}

// snapshot copies the store into the folder.
func (s *Store) snapshot(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	c := s.core.Load()
	release, err := c.acquire()
	if err != nil {
		return err
	}
	defer release()
	// A snapshot of the library lacks samples that came late and are in memory.
	if err := c.db.CompactOOOHead(ctx); err != nil {
		return fmt.Errorf("store late samples: %w", err)
	}
	head := c.db.Head()
	inMemory := head.NumSeries() > 0 && head.MinTime() <= head.MaxTime()
	if err := c.db.Snapshot(dir, inMemory); err != nil {
		return err
	}
	return s.copyBackfills(dir)
}

// copyBackfills copies what is to be counted again.
func (s *Store) copyBackfills(dir string) error {
	all, err := s.Backfills()
	if err != nil || len(all) == 0 {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, stagingDir), 0o750); err != nil {
		return err
	}
	for _, b := range all {
		from := s.recountPath(b.ID)
		if err := os.Link(from, filepath.Join(dir, stagingDir, filepath.Base(from))); err != nil {
			return err
		}
	}
	return nil
}
