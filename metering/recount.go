package metering

import (
	"context"
	"slices"
	"time"

	"invoq"
	"invoq/tsdb"
)

// backfills returns those whose windows have not been counted since.
func (a *Aggregator) backfills() ([]tsdb.Backfill, error) {
	all, err := a.samples.Backfills()
	return slices.DeleteFunc(all, func(b tsdb.Backfill) bool {
		return slices.ContainsFunc(a.counted, func(c tsdb.Backfill) bool { return b.ID == c.ID })
	}), err
}

// recount counts all windows of the backfills' tenants from the oldest sample
// that came, closed or not: what was billed stays billed, and what is now seen
// to be missing becomes corrections as what comes late does.
func (a *Aggregator) recount(ctx context.Context, r *run, all []tsdb.Backfill) error {
	for _, b := range all {
		j := job{from: slotOf(b.Oldest), tenants: b.Tenants, watched: map[invoq.TenantName]time.Time{}}
		for _, t := range b.Tenants {
			if _, known := r.state.Watched[t]; !known {
				r.state.Watched[t] = b.Oldest
			}
			j.watched[t] = time.UnixMilli(r.state.Watched[t]).UTC()
		}
		if err := a.countOrHold(ctx, r, j); err != nil {
			return err
		}
		held := slices.ContainsFunc(b.Tenants, func(t invoq.TenantName) bool { return r.report.Held[t] != nil })
		if !held {
			r.report.Recounted = append(r.report.Recounted, b)
		}
		if j.from.Before(r.report.From) {
			r.report.From = j.from
		}
	}
	return nil
}

// Counted returns the backfills that have been counted and not settled.
func (a *Aggregator) Counted() []tsdb.Backfill {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.counted)
}

// Settled forgets backfills whose hours are in the book: a Poster has run since
// they were counted.
func (a *Aggregator) Settled(all ...tsdb.Backfill) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.samples.ForgetBackfills(all...)
	if err != nil {
		return err
	}
	a.counted = slices.DeleteFunc(a.counted, func(c tsdb.Backfill) bool {
		return slices.ContainsFunc(all, func(b tsdb.Backfill) bool { return b.ID == c.ID })
	})
	return nil
}
