package metering

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"invoq"
	"invoq/tsdb/exact"
)

// countOrHold counts a job. Where that fails, it counts its tenants one by one
// and holds those that still fail: what one tenant sends must not keep the
// others from being counted. It fails itself when the database is away, or when
// nobody can be counted.
func (a *Aggregator) countOrHold(ctx context.Context, r *run, j job) error {
	err := a.count(ctx, r, j)
	if err == nil || ctx.Err() != nil || invoq.KindOf(err) == invoq.KindUnavailable {
		return err
	}
	tenants := j.tenants
	if tenants == nil {
		if tenants, err = a.everybody(ctx, r); err != nil {
			return err
		}
	}
	held := 0
	var last error
	for _, t := range tenants {
		alone := job{from: j.from, tenants: []invoq.TenantName{t}, watched: map[invoq.TenantName]time.Time{}}
		if at, ok := j.watched[t]; ok {
			alone.watched[t] = at
		}
		err := a.count(ctx, r, alone)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || invoq.KindOf(err) == invoq.KindUnavailable {
			return err
		}
		held, last = held+1, err
		r.report.Held[t] = err
		a.samples.ReturnChanges(map[invoq.TenantName]int64{t: j.from.UnixMilli() + 1})
	}
	if held == len(tenants) && held > 1 {
		return errors.Join(errors.New("no tenant can be counted"), last)
	}
	return nil
}

// everybody returns all tenants that are known or have samples.
func (a *Aggregator) everybody(ctx context.Context, r *run) ([]invoq.TenantName, error) {
	all, err := exact.Tenants(ctx, a.samples)
	if err != nil {
		return nil, err
	}
	for t := range r.state.Watched {
		all = append(all, t)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// tell logs what has become of tenants and services since the last run.
func (a *Aggregator) tell(r Report) {
	for t, err := range r.Held {
		a.log.Error("the tenant's usage cannot be counted; it is tried again", "tenant", t, "err", err)
	}
	for key, source := range r.Uncounted {
		if a.uncounted[key] != source {
			a.log.Warn("the service has samples that do not count, since it was counted from others before",
				"tenant", key.Tenant, "namespace", key.Namespace, "service", key.Service, "source", source)
		}
	}
	a.heldMu.Lock()
	defer a.heldMu.Unlock()
	a.held = maps.Clone(r.Held)
	// A run counts only what has changed: what it says nothing of stays said.
	maps.Copy(a.uncounted, r.Uncounted)
}

// heldTenants returns how many tenants the last run held.
func (a *Aggregator) heldTenants() int {
	a.heldMu.Lock()
	defer a.heldMu.Unlock()
	return len(a.held)
}
