package tsdb

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

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

// keepExemplars puts on the shelf what the TSDB took with a point.
func (a *appending) keepExemplars(c *carrier, p point) {
	if len(c.exemplars) == 0 {
		return
	}
	if c.labels.IsEmpty() {
		a.respell(c)
	}
	for _, e := range c.exemplars {
		if !e.HasTs {
			e.Ts, e.HasTs = p.t, true
		}
		if exemplarFits(e) {
			a.shelve(c, e)
		}
	}
}

// shelve keeps an exemplar that the TSDB took.
func (a *appending) shelve(c *carrier, e exemplar.Exemplar) {
	s := a.w.store
	kept := s.shelf.add(c.entry.owner.tenant, c.labels, e, s.outOfOrderWindow())
	if int64(kept) >= a.core.exemplars.Load() {
		a.core.growExemplars(kept, s.outOfOrderWindow())
	}
}

// alone appends exemplars that came without a sample, as Prometheus sends them,
// to a series that is known.
func (a *appending) alone(
	s *ingest.Series, e *seriesEntry, ls labels.Labels, exemplars []exemplar.Exemplar,
) error {
	if e.ref == 0 || len(exemplars) == 0 {
		a.orphans(s, e.owner.tenant, len(exemplars))
		return nil
	}
	c := &carrier{series: s, entry: e, labels: ls}
	if ls.IsEmpty() {
		a.respell(c)
	}
	app := a.core.db.Appender(a.ctx)
	for _, one := range exemplars {
		if _, err := app.AppendExemplar(e.ref, c.labels, one); err != nil {
			a.refuseExemplars(c, &storage.AppendPartialError{ExemplarErrors: []error{err}})
			continue
		}
		a.shelve(c, one)
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("commit exemplars: %w", err)
	}
	return nil
}

// exemplarFits reports whether an exemplar is as short as OpenMetrics has it.
func exemplarFits(e exemplar.Exemplar) bool {
	n := 0
	e.Labels.Range(func(l labels.Label) {
		n += utf8.RuneCountInString(l.Name) + utf8.RuneCountInString(l.Value)
	})
	return n <= exemplar.ExemplarMaxLabelSetLength
}

// refuseExemplars reports those that the TSDB did not keep.
func (a *appending) refuseExemplars(c *carrier, partial *storage.AppendPartialError) {
	for _, err := range partial.ExemplarErrors {
		why := ingest.BadExemplar
		if errors.Is(err, storage.ErrOutOfOrderExemplar) {
			why = ingest.LateExemplar
		}
		a.reject(why, c.entry.owner.tenant, ingest.Counts{Exemplars: 1}, func() string {
			return fmt.Sprintf("%s: %v", a.batch.Describe(c.series), err)
		})
	}
}

// orphans refuses exemplars whose sample was not stored, or that have none.
func (a *appending) orphans(s *ingest.Series, tenant invoq.TenantName, n int) {
	if n > 0 {
		a.reject(ingest.BadExemplar, tenant, ingest.Counts{Exemplars: n}, func() string { return a.batch.Describe(s) })
	}
}
