package tsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq"
	"invoq/ingest"
)

// Adopted says what has become of the samples of a backfill.
type Adopted struct {
	// Stored are new, Known were stored before with the same value, and
	// Conflicts with another, which stays.
	Stored, Known, Conflicts int
	// Conflict describes one of the latter.
	Conflict string
	// Refused could not be stored for the reason that it gives.
	Refused ingest.Rejections
	// Blocks is how many blocks were written.
	Blocks int
}

// Adopt takes over the samples of a staging store that nobody has open, and
// removes it. Where a sample is stored already, the first stays, so that doing
// it twice is doing it once. Samples before those in memory become blocks of
// their own, and the others go the way of late ones. The tenant's windows have
// to be counted again then: see Backfills.
func (s *Store) Adopt(ctx context.Context, id string) (done Adopted, err error) {
	if err := stagingID(id); err != nil {
		return done, err
	}
	if _, err := os.Stat(filepath.Join(s.cfg.Dir, stagingDir, id)); err != nil {
		return done, invoq.Errorf(invoq.KindNotFound, "no backfill %q is staged beside this store", id)
	}
	s.adopting.Lock()
	defer s.adopting.Unlock()
	// On a full disk the library would end the process over late samples.
	if err := s.Health(); err != nil {
		return done, err
	}
	from, err := openStaging(s.cfg, id, s.log)
	if err != nil {
		return done, err
	}
	done, err = s.adopt(ctx, from)
	if err := errors.Join(err, from.Close(ctx)); err != nil {
		return done, err
	}
	return done, from.Remove()
}

// adopt takes over what is staged.
func (s *Store) adopt(ctx context.Context, from *Staging) (done Adopted, err error) {
	oldest, any := from.MinTime()
	if !any {
		return done, nil
	}
	if limit := s.cfg.Now().Add(RetentionMargin - s.cfg.Retention).UnixMilli(); oldest < limit {
		return done, invoq.Errorf(invoq.KindUnprocessable,
			"the backfill has samples of %s: it may reach back for the retention of %s less a day",
			utc(oldest), s.cfg.Retention)
	}
	if err := s.remember(ctx, from, oldest); err != nil {
		return done, err
	}
	// The library's TSDB stays the same until this is over.
	c := s.core.Load()
	release, err := c.acquire()
	if err != nil {
		return done, err
	}
	defer release()
	// What is in memory gets as short as it can be.
	if err := c.db.Compact(ctx); err != nil {
		return done, fmt.Errorf("make room for old samples: %w", err)
	}
	a := adoption{store: s, from: from.Store, log: s.log, done: &done}
	if err := a.run(ctx, oldest); err != nil {
		return done, fmt.Errorf("adopt old samples: %w", err)
	}
	if done.Stored == 0 {
		return done, s.ForgetBackfills(Backfill{ID: from.ID})
	}
	return done, nil
}

// adoption is one call of adopt at work.
type adoption struct {
	store, from *Store
	log         *slog.Logger
	done        *Adopted
}

// run takes the samples over, stretch by stretch.
func (a *adoption) run(ctx context.Context, oldest int64) error {
	now := a.store.cfg.Now()
	// Blocks end before the samples in memory: a restart takes what lies before
	// the end of the newest block for stored in one.
	split := min(a.store.core.Load().db.Head().MinTime(), now.Add(-a.store.cfg.Lateness).UnixMilli())
	newest := now.Add(a.store.cfg.Ahead).UnixMilli()
	width := blockRange.Milliseconds()
	for mint := oldest - oldest%width; mint <= newest; mint += width {
		for _, part := range [][2]int64{{mint, min(mint+width, split)}, {max(mint, split), mint + width}} {
			if part[0] >= part[1] {
				continue
			}
			if err := a.store.Health(); err != nil {
				return err
			}
			if err := a.stretch(ctx, part[0], part[1], part[1] <= split); err != nil {
				return err
			}
		}
	}
	if a.done.Blocks == 0 {
		return nil
	}
	// The blocks are opened by the way. Nothing else that is exported does it.
	if err := a.store.core.Load().db.CompactOOOHead(ctx); err != nil {
		return fmt.Errorf("open new blocks: %w", err)
	}
	return nil
}

// sink takes points that are new.
type sink interface {
	add(ctx context.Context, ls labels.Labels, points []point) error
	// close makes them durable.
	close(ctx context.Context) error
}

// stretch takes over [mint, maxt), as a block or into memory.
func (a *adoption) stretch(ctx context.Context, mint, maxt int64, asBlock bool) (err error) {
	staged, err := a.from.Querier(mint, maxt-1)
	if err != nil {
		return fmt.Errorf("read staged samples: %w", err)
	}
	defer func() { err = errors.Join(err, staged.Close()) }()
	stored, err := a.store.Querier(mint, maxt-1)
	if err != nil {
		return fmt.Errorf("read stored samples: %w", err)
	}
	defer func() { err = errors.Join(err, stored.Close()) }()
	set := staged.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchRegexp, ingest.TenantLabel, ".+"))
	var to sink
	for set.Next() {
		ls := set.At().Labels().Copy()
		points, err := a.fresh(ctx, stored, ls, set.At())
		if err == nil && len(points) > 0 && to == nil {
			to, err = a.sink(mint, maxt, asBlock)
		}
		if err == nil && len(points) > 0 {
			err = to.add(ctx, ls, points)
		}
		if err != nil {
			return errors.Join(err, closeSink(ctx, to))
		}
	}
	return errors.Join(set.Err(), closeSink(ctx, to))
}

// closeSink makes durable what a sink took, also where an error follows: the
// first sample of a time stays, so that a second try finds it.
func closeSink(ctx context.Context, to sink) error {
	if to == nil {
		return nil
	}
	return to.close(ctx)
}

// sink returns where the points of a stretch go.
func (a *adoption) sink(mint, maxt int64, asBlock bool) (sink, error) {
	if !asBlock {
		return newTail(a), nil
	}
	b, err := newBlockMaker(a, mint, maxt)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// fresh returns the points of a staged series that are not stored yet.
func (a *adoption) fresh(
	ctx context.Context, stored storage.Querier, ls labels.Labels, s storage.Series,
) ([]point, error) {
	staged, err := pointsOf(s.Iterator(nil))
	if err != nil {
		return nil, fmt.Errorf("read staged series %s: %w", ls, err)
	}
	known := map[int64]point{}
	set := stored.Select(ctx, false, nil, exactly(ls)...)
	for set.Next() {
		// Matchers also find series with more labels than these.
		if !labels.Equal(set.At().Labels(), ls) {
			continue
		}
		points, err := pointsOf(set.At().Iterator(nil))
		if err != nil {
			return nil, fmt.Errorf("read series %s: %w", ls, err)
		}
		for _, p := range points {
			known[p.t] = p
		}
	}
	return slices.DeleteFunc(staged, func(p point) bool {
		first, is := known[p.t]
		if !is {
			return false
		}
		if p.equals(first) {
			a.done.Known++
			return true
		}
		if a.done.Conflicts++; a.done.Conflict == "" {
			a.done.Conflict = fmt.Sprintf("%s at %s", ls, utc(p.t))
		}
		return true
	}), set.Err()
}

// pointsOf reads all that an iterator has.
func pointsOf(it chunkenc.Iterator) ([]point, error) {
	var all []point
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		all = append(all, *pointAt(it, kind))
	}
	return all, it.Err()
}

// tenantsOf returns whose samples a store holds.
func tenantsOf(ctx context.Context, s *Store) ([]invoq.TenantName, error) {
	q, err := s.Querier(0, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("open querier: %w", err)
	}
	defer q.Close()
	names, _, err := q.LabelValues(ctx, ingest.TenantLabel, nil)
	all := make([]invoq.TenantName, len(names))
	for i, n := range names {
		all[i] = invoq.TenantName(strings.Clone(n)) // It may point into a mapped file.
	}
	return all, err
}
