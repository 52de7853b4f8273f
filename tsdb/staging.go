package tsdb

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/prometheus/tsdb/fileutil"

	"invoq"
)

const (
	// stagingDir is the folder, inside of the store's, in which old samples are
	// gathered before they are adopted.
	stagingDir = "backfill"
	// stagingKept is how long a staging store keeps samples: longer than any
	// backfill takes.
	stagingKept = 100 * 365 * 24 * time.Hour
	// RetentionMargin is how much less than the retention a backfill reaches
	// back. Windows are counted again from its oldest sample on, and a counter
	// that lives on since before needs a sample from before that, or all it ever
	// counted would look new.
	RetentionMargin = 24 * time.Hour
)

// Staging is a store beside the store, in which a backfill gathers its samples:
// they come in any order there, and none of them is in the store before all of
// them are found to be good.
type Staging struct {
	*Store
	// ID is the name by which Adopt finds it.
	ID  string
	dir string
}

// OpenStaging makes a staging store for a store with this configuration. It
// accepts what the store would, but as old as the store keeps samples.
func OpenStaging(cfg Config, log *slog.Logger) (*Staging, error) {
	return openStaging(cfg, uuid.Must(uuid.NewV7()).String(), log)
}

// openStaging opens the staging store of that name.
func openStaging(cfg Config, id string, log *slog.Logger) (*Staging, error) {
	dir := filepath.Join(cfg.Dir, stagingDir, id)
	cfg.Dir = dir
	cfg.Lateness = cfg.Retention - RetentionMargin
	cfg.Retention = stagingKept
	cfg.SyncInterval = time.Hour // Until they are adopted, they can be read again.
	s, err := Open(cfg, log)
	if err != nil {
		return nil, err
	}
	return &Staging{Store: s, ID: id, dir: dir}, nil
}

// Remove deletes the files of a staging store that is closed.
func (s *Staging) Remove() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove staged samples: %w", err)
	}
	return nil
}

// stagingLife is how old a staging store is at least that nobody will adopt: its
// command was killed. Between the end of one and its adoption are moments.
const stagingLife = 24 * time.Hour

// sweepStaging removes what killed backfills have left behind.
func (s *Store) sweepStaging() error {
	dirs, err := filepath.Glob(filepath.Join(s.cfg.Dir, stagingDir, "*-*"))
	if err != nil {
		return fmt.Errorf("list staged samples: %w", err)
	}
	for _, dir := range dirs {
		id := filepath.Base(dir)
		if stagingID(id) != nil {
			continue
		}
		begun := time.Unix(uuid.MustParse(id).Time().UnixTime())
		if s.cfg.Now().Sub(begun) < stagingLife {
			continue
		}
		if used, err := InUse(dir); err != nil || used {
			continue // A backfill that takes days, or one that has just gone.
		}
		s.log.Warn("removing samples that a backfill has left behind", "dir", dir, "begun", begun.UTC())
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove staged samples: %w", err)
		}
	}
	return nil
}

// stagingID refuses what OpenStaging never called anything: it becomes a part
// of a path.
func stagingID(id string) error {
	if u, err := uuid.Parse(id); err != nil || u.String() != id {
		return invoq.Errorf(invoq.KindInvalid, "backfill %q is not the name of one", id)
	}
	return nil
}

// InUse reports whether a process has the store in the folder open.
func InUse(dir string) (bool, error) {
	path := filepath.Join(dir, "lock")
	if _, err := os.Stat(path); err != nil {
		if os.IsNotExist(err) {
			return false, nil
		}
		return false, fmt.Errorf("look for the lock of %q: %w", dir, err)
	}
	lock, _, err := fileutil.Flock(path)
	if err != nil {
		return true, nil
	}
	if err := lock.Release(); err != nil {
		return false, fmt.Errorf("release the lock of %q: %w", dir, err)
	}
	return false, nil
}
