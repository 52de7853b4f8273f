package series

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"invoq"
	"invoq/postgres"
	"invoq/tsdb"
)

// revisions returns the revisions that the question may be about.
func (s *Series) revisions(ctx context.Context, q question) ([]postgres.RevisionSeries, error) {
	in := invoq.Interval{Start: q.in.Start.Add(-invoq.Window5m.Duration()), End: q.in.End}
	all, err := s.db.RevisionsWithin(ctx, q.scope, in, maxRevisions+1)
	if err == nil && len(all) > maxRevisions {
		err = tooMuch("revisions", maxRevisions)
	}
	return all, err
}

// usageLabels are the labels of a revision's series of usage.
func usageLabels(f usageFamily, r postgres.RevisionSeries) labels.Labels {
	return seriesLabels(f.name, r, "", "")
}

// wanted is what of a revision is asked for: labels by meter, empty for those
// that are not.
type wanted struct {
	labels  [6]labels.Labels
	samples [6]*tsdb.DerivedSeries
}

// usage reads the windows that are asked for.
func (s *Series) usage(ctx context.Context, c *collected) error {
	if !slices.ContainsFunc(usageFamilies, func(f usageFamily) bool { return c.q.names(f.name) }) {
		return nil
	}
	all, err := s.revisions(ctx, c.q)
	if err != nil {
		return err
	}
	by := map[string]*wanted{}
	all = slices.DeleteFunc(all, func(r postgres.RevisionSeries) bool {
		w := wanted{}
		for i, f := range usageFamilies {
			if ls := usageLabels(f, r); c.q.matches(ls) {
				w.labels[i] = ls
				by[r.ID] = &w
			}
		}
		return by[r.ID] == nil
	})
	if len(all) == 0 {
		return nil
	}
	width := invoq.Window5m.Duration()
	in := invoq.Interval{Start: c.q.in.Start.Add(-width), End: c.q.in.End.Add(-width)}
	complete, err := s.db.WindowsOf(ctx, c.q.scope, all, in, maxWindows,
		func(id string, start time.Time, values [6]float64) {
			c.window(by[id], start.Add(width).UnixMilli(), values)
		})
	if err == nil && !complete {
		err = tooMuch("windows", maxWindows)
	}
	return err
}

// window adds the samples of a window that ended at t.
func (c *collected) window(w *wanted, t int64, values [6]float64) {
	for i, f := range usageFamilies {
		if w.labels[i].IsEmpty() {
			continue
		}
		if w.samples[i] == nil {
			w.samples[i] = &tsdb.DerivedSeries{Labels: w.labels[i]}
			c.by[w.labels[i].String()] = w.samples[i]
		}
		w.samples[i].Samples = append(w.samples[i].Samples, tsdb.FloatSample(t, values[f.meter]/f.per))
	}
}
