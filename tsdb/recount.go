package tsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"invoq"
)

// Backfill says that a tenant's windows have to be counted again, because old
// samples came by another way than the writer's.
type Backfill struct {
	// ID tells backfills apart.
	ID string `json:"-"`
	// Tenants are whose samples came, and Oldest is the time of the first of
	// them, in milliseconds.
	Tenants []invoq.TenantName `json:"tenants"`
	Oldest  int64              `json:"oldest_ms"`
}

// recountSuffix is how the files end that remember backfills.
const recountSuffix = ".json"

// remember notes a backfill on disk, before anything of it is stored: whatever
// happens from here on, its windows are counted again.
func (s *Store) remember(ctx context.Context, from *Staging, oldest int64) error {
	tenants, err := tenantsOf(ctx, from.Store)
	if err != nil {
		return err
	}
	b, err := json.Marshal(Backfill{Tenants: tenants, Oldest: oldest})
	if err != nil {
		return fmt.Errorf("note a backfill: %w", err)
	}
	path := s.recountPath(from.ID)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("note a backfill: %w", err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("note a backfill: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("note a backfill: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func (s *Store) recountPath(id string) string {
	return filepath.Join(s.cfg.Dir, stagingDir, id+recountSuffix)
}

// Backfills returns the backfills whose windows have not been counted yet.
func (s *Store) Backfills() ([]Backfill, error) {
	dir := filepath.Join(s.cfg.Dir, stagingDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list backfills: %w", err)
	}
	var all []Backfill
	for _, e := range entries {
		id, is := strings.CutSuffix(e.Name(), recountSuffix)
		if !is {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read backfill: %w", err)
		}
		b := Backfill{ID: id}
		if err := json.Unmarshal(text, &b); err != nil {
			return nil, fmt.Errorf("read backfill %q: %w", id, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// ForgetBackfills says that the windows of these have been counted.
func (s *Store) ForgetBackfills(counted ...Backfill) error {
	for _, b := range counted {
		if err := os.Remove(s.recountPath(b.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forget a backfill: %w", err)
		}
	}
	return nil
}
