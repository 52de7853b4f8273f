package tsdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"invoq"
	"invoq/ingest"
)

// maxExemplars is how many exemplars are kept, of all tenants together; the
// oldest go first.
const maxExemplars = 100_000

// exemplars reads the series' exemplars, sorted by time; those that no one can
// read are refused.
func (a *appending) exemplars(s *ingest.Series, tenant invoq.TenantName) []exemplar.Exemplar {
	if s.FirstExemplar == s.EndExemplar {
		return nil
	}
	var all []exemplar.Exemplar
	for _, e := range a.batch.Exemplars[s.FirstExemplar:s.EndExemplar] {
		ls, err := ingest.ParseExemplarLabels(e.Labels, a.w.limits, &a.sh.b)
		if err != nil {
			a.reject(ingest.BadExemplar, tenant, ingest.Counts{Exemplars: 1}, err.Error)
			continue
		}
		all = append(all, exemplar.Exemplar{Labels: ls, Value: e.V, Ts: e.T, HasTs: e.T != 0})
	}
	slices.SortStableFunc(all, func(x, y exemplar.Exemplar) int { return cmp.Compare(x.Ts, y.Ts) })
	return all
}

// refuseExemplars reports those that the TSDB did not keep.
func (a *appending) refuseExemplars(c *carrier, partial *storage.AppendPartialError) {
	for _, err := range partial.ExemplarErrors {
		why := ingest.BadExemplar
		if errors.Is(err, storage.ErrOutOfOrderExemplar) {
			why = ingest.LateExemplar
		}
		a.reject(why, c.entry.tenant, ingest.Counts{Exemplars: 1}, func() string {
			return fmt.Sprintf("%s: %v", c.series.Describe(), err)
		})
	}
}

// orphans refuses exemplars whose sample was not stored, or that have none.
func (a *appending) orphans(s *ingest.Series, tenant invoq.TenantName, n int) {
	if n > 0 {
		a.reject(ingest.BadExemplar, tenant, ingest.Counts{Exemplars: n}, s.Describe)
	}
}

// ScopedExemplars returns the exemplars of the tenant's series alone; an empty
// tenant means everybody's.
func (s *Store) ScopedExemplars(ctx context.Context, tenant invoq.TenantName) (storage.ExemplarQuerier, error) {
	q, err := s.core.Load().db.ExemplarQuerier(ctx)
	if err != nil || tenant == "" {
		return q, err
	}
	return scopedExemplars{q, onlyTenant(tenant)}, nil
}

// scopedExemplars adds the scope's matcher to every selection.
type scopedExemplars struct {
	storage.ExemplarQuerier
	only *labels.Matcher
}

// Select returns the tenant's exemplars among those that match one of the sets.
func (q scopedExemplars) Select(start, end int64, sets ...[]*labels.Matcher) ([]exemplar.QueryResult, error) {
	own := make([][]*labels.Matcher, len(sets))
	for i, ms := range sets {
		own[i] = append(slices.Clone(ms), q.only)
	}
	return q.ExemplarQuerier.Select(start, end, own...)
}
