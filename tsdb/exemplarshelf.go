package tsdb

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"invoq"
	"invoq/ingest"
)

// exemplarShelf keeps the exemplars that are answered with, by tenant. All have
// a room together, and when it is full the oldest of whoever has most makes
// place: a tenant that has no more than its share loses none to another. The
// TSDB's own memory of them, which the log fills again at a start, knows no
// tenants.
type exemplarShelf struct {
	most int

	mu    sync.Mutex
	total int
	by    map[invoq.TenantName]*tenantExemplars
	// largest had the most when that was last looked at, evictions ago.
	largest   *tenantExemplars
	evictions int
}

// tenantExemplars are a tenant's, in the order in which they came.
type tenantExemplars struct {
	all []shelved
	// known are those in all, so that a retry is told, and newest is the latest
	// time of each series, by the hash of its labels.
	known  map[exemplarID]bool
	newest map[uint64]int64
}

// exemplarID tells exemplars apart. Hashes stand for labels: of two that have
// the same, one exemplar would be missing.
type exemplarID struct {
	series, labels uint64
	t              int64
	v              uint64
}

// id returns what tells it apart.
func (e shelved) id() exemplarID {
	return exemplarID{e.series.Hash(), e.Labels.Hash(), e.Ts, math.Float64bits(e.Value)}
}

type shelved struct {
	series labels.Labels
	exemplar.Exemplar
}

// newExemplarShelf returns a shelf for so many.
func newExemplarShelf(most int) *exemplarShelf {
	return &exemplarShelf{most: most, by: map[invoq.TenantName]*tenantExemplars{}}
}

// add keeps an exemplar of a series, unless it is there already or older than
// the series' latest by more than window milliseconds, and returns how many it
// has now.
func (s *exemplarShelf) add(
	tenant invoq.TenantName, ls labels.Labels, e exemplar.Exemplar, window int64,
) (total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.by[tenant]
	if t == nil {
		t = &tenantExemplars{known: map[exemplarID]bool{}, newest: map[uint64]int64{}}
		s.by[tenant] = t
	}
	one := shelved{ls, e}
	id := one.id()
	newest, known := t.newest[id.series]
	if t.known[id] || known && e.Ts < newest-window {
		return s.total
	}
	if !known || e.Ts > newest {
		t.newest[id.series] = e.Ts
	}
	t.known[id] = true
	t.all = append(t.all, one)
	s.total++
	if s.total > s.most {
		s.evict(t)
	}
	return s.total
}

// count returns how many there are.
func (s *exemplarShelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// lookAgain is after how many evictions the largest is looked for anew.
const lookAgain = 256

// evict takes the oldest of the tenant with the most. Another than the largest
// known and the one that has just grown can lead by a few at most until all are
// looked at again.
func (s *exemplarShelf) evict(grown *tenantExemplars) {
	if s.largest == nil || s.evictions%lookAgain == 0 {
		s.largest = grown
		for _, t := range s.by {
			if len(t.all) > len(s.largest.all) {
				s.largest = t
			}
		}
	}
	s.evictions++
	if len(grown.all) > len(s.largest.all) {
		s.largest = grown
	}
	s.largest.drop()
	s.total--
}

// drop forgets the oldest.
func (t *tenantExemplars) drop() {
	id := t.all[0].id()
	delete(t.known, id)
	if t.newest[id.series] == id.t {
		delete(t.newest, id.series)
	}
	t.all[0] = shelved{}
	t.all = t.all[1:]
}

// Select returns the exemplars of [start, end], milliseconds, of the tenant's
// series that match one of the sets, by series and time; an empty tenant means
// everybody's.
func (s *exemplarShelf) Select(
	tenant invoq.TenantName, start, end int64, sets ...[]*labels.Matcher,
) []exemplar.QueryResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]*exemplar.QueryResult{}
	for name, t := range s.by {
		if tenant != "" && name != tenant {
			continue
		}
		for i := range t.all {
			e := &t.all[i]
			if e.Ts < start || e.Ts > end || !matchesAny(e.series, sets) {
				continue
			}
			key := e.series.String()
			if found[key] == nil {
				found[key] = &exemplar.QueryResult{SeriesLabels: e.series}
			}
			found[key].Exemplars = append(found[key].Exemplars, e.Exemplar)
		}
	}
	var all []exemplar.QueryResult
	for _, r := range found {
		slices.SortStableFunc(r.Exemplars, func(x, y exemplar.Exemplar) int { return cmp.Compare(x.Ts, y.Ts) })
		all = append(all, *r)
	}
	slices.SortFunc(all, func(x, y exemplar.QueryResult) int { return labels.Compare(x.SeriesLabels, y.SeriesLabels) })
	return all
}

// matchesAny reports whether the labels pass all matchers of one of the sets.
func matchesAny(ls labels.Labels, sets [][]*labels.Matcher) bool {
	return slices.ContainsFunc(sets, func(ms []*labels.Matcher) bool {
		return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(ls.Get(m.Name)) })
	})
}

// shelve fills the shelf with what the log has of exemplars.
func (s *Store) shelve(ctx context.Context) error {
	q, err := s.core.Load().db.ExemplarQuerier(ctx)
	if err != nil {
		return err
	}
	any := labels.MustNewMatcher(labels.MatchRegexp, ingest.TenantLabel, ".+")
	found, err := q.Select(math.MinInt64/2, math.MaxInt64/2, []*labels.Matcher{any})
	if err != nil {
		return err
	}
	var all []shelved
	for _, r := range found {
		for _, e := range r.Exemplars {
			all = append(all, shelved{r.SeriesLabels, e})
		}
	}
	slices.SortStableFunc(all, func(x, y shelved) int { return cmp.Compare(x.Ts, y.Ts) })
	for _, e := range all {
		tenant := invoq.TenantName(e.series.Get(ingest.TenantLabel))
		s.shelf.add(tenant, e.series, e.Exemplar, s.outOfOrderWindow())
	}
	return nil
}

// ScopedExemplars returns the exemplars of the tenant's series alone; an empty
// tenant means everybody's.
func (s *Store) ScopedExemplars(tenant invoq.TenantName) storage.ExemplarQuerier {
	return scopedExemplars{s.shelf, tenant}
}

// scopedExemplars is the shelf as one scope sees it.
type scopedExemplars struct {
	shelf  *exemplarShelf
	tenant invoq.TenantName
}

// Select returns the scope's exemplars among those that match one of the sets.
func (q scopedExemplars) Select(start, end int64, sets ...[]*labels.Matcher) ([]exemplar.QueryResult, error) {
	return q.shelf.Select(q.tenant, start, end, sets...), nil
}
