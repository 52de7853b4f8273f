package tsdb

import (
	"errors"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"invoq/ingest"
)

// secondsLimit separates milliseconds from seconds: as milliseconds it is
// March 1973, as seconds the year 5138.
const secondsLimit = 100_000_000_000

// point is one value to store: a float, or one of the histograms.
type point struct {
	t, start int64
	v        float64
	h        *histogram.Histogram
	fh       *histogram.FloatHistogram
}

// one counts the point as what it is.
func (p point) one() ingest.Counts {
	if p.h != nil || p.fh != nil {
		return ingest.Counts{Histograms: 1}
	}
	return ingest.Counts{Samples: 1}
}

// equals reports whether both have the same value. A stale marker of a series of
// histograms may come as a number and be stored as a histogram.
func (p point) equals(o point) bool {
	switch {
	case p.stale() && o.stale():
		return true
	case p.h != nil:
		return o.h != nil && p.h.Equals(o.h)
	case p.fh != nil:
		return o.fh != nil && p.fh.Equals(o.fh)
	}
	return o.h == nil && o.fh == nil && math.Float64bits(p.v) == math.Float64bits(o.v)
}

// stale reports whether the point says that its series has ended.
func (p point) stale() bool { return value.IsStaleNaN(p.sum()) }

// sum returns the value, or the sum of a histogram, whose special values say
// the same.
func (p point) sum() float64 {
	switch {
	case p.h != nil:
		return p.h.Sum
	case p.fh != nil:
		return p.fh.Sum
	}
	return p.v
}

// carrier is a series whose points are appended, and the exemplars that the
// next point carries with it.
type carrier struct {
	series    *ingest.Series
	entry     *seriesEntry
	labels    labels.Labels // empty for a series known by its reference
	exemplars []exemplar.Exemplar
	// alone says that all points of the series that are appended and not
	// committed came by this carrier, in the order of time.
	alone bool
	// prev is the last of them; it is none before begun is set.
	prev  point
	begun bool
}

// value appends one point. Nothing is refused in silence: where the TSDB would
// drop a point that contradicts another without a word, the two are compared
// here.
func (a *appending) value(c *carrier, p point) error {
	e := c.entry
	if why, bad := a.refusal(e, p); bad {
		a.refuse(why, c, p)
		return nil
	}
	// Fast path: the point is newer than all there is.
	if e.settled && p.t > e.newest {
		return a.append(c, p, false)
	}
	// The TSDB compares with what is committed alone.
	if e.pending == a.sh.appender {
		if c.alone && c.begun && c.prev.t == p.t {
			if !p.equals(c.prev) {
				a.refuse(ingest.Duplicate, c, p)
			}
			return nil
		}
		if !c.alone {
			if err := a.flush(); err != nil {
				return err
			}
			c.alone = true
		}
	}
	return a.append(c, p, true)
}

// append hands a point to the TSDB. Carefully, it has to be in order; one that
// is not is compared with what is stored first.
func (a *appending) append(c *carrier, p point, carefully bool) error {
	e := c.entry
	opts := storage.AOptions{Exemplars: c.exemplars, RejectOutOfOrder: carefully}
	ref, err := a.app.Append(e.ref, c.labels, p.start, p.t, p.v, p.h, p.fh, opts)
	if err != nil && c.labels.IsEmpty() && errors.Is(err, tsdb.ErrInvalidSample) {
		// The TSDB has forgotten an idle series; it is known by its labels.
		a.respell(c)
		ref, err = a.app.Append(0, c.labels, p.start, p.t, p.v, p.h, p.fh, opts)
	}
	if err == nil {
		a.note(c, ref, p)
		a.keepExemplars(c, p)
		return nil
	}
	return a.refused(c, ref, p, err, carefully)
}

// refused deals with a point that the TSDB did not take as it is.
func (a *appending) refused(c *carrier, ref storage.SeriesRef, p point, err error, carefully bool) error {
	late := errors.Is(err, storage.ErrOutOfOrderSample)
	// The TSDB takes a stale marker for another than itself; see equals.
	again := p.stale() && errors.Is(err, storage.ErrDuplicateSampleForTimestamp)
	if carefully && (late || again) {
		return a.appendLate(c, p)
	}
	if partial, ok := errors.AsType[*storage.AppendPartialError](err); ok {
		// The point is stored, not all its exemplars are.
		a.refuseExemplars(c, partial)
		a.note(c, ref, p)
		a.keepExemplars(c, p)
		return nil
	}
	why, ok := refusalOf(err)
	if !ok {
		return fmt.Errorf("append sample: %w", err)
	}
	a.refuse(why, c, p)
	return nil
}

// appendLate appends a point that is not in order, unless the same is stored
// already (a retry) or another for the same time (a conflict).
func (a *appending) appendLate(c *carrier, p point) error {
	e := c.entry
	if c.labels.IsEmpty() {
		a.respell(c)
	}
	stored, newest, err := a.core.lookUp(a.ctx, c.labels, p.t, e.settled)
	if err != nil {
		return err
	}
	if !e.settled {
		e.settled, e.newest = true, newest
	}
	switch {
	case stored == nil:
		return a.append(c, p, false)
	case !p.equals(*stored):
		a.refuse(ingest.Duplicate, c, p)
	}
	return nil
}

// note remembers that a point was appended.
func (a *appending) note(c *carrier, ref storage.SeriesRef, p point) {
	e := c.entry
	e.ref, e.pending = ref, a.sh.appender
	// A point that came in order is the newest there is.
	if !e.settled || p.t > e.newest {
		e.settled, e.newest = true, p.t
	}
	c.prev, c.begun = p, true
	a.extend(e.owner, p.t)
}

// respell reads the labels of a series that was known by its reference.
func (a *appending) respell(c *carrier) {
	ls, _, err := a.labels(c.series)
	if err != nil {
		panic("BUG: labels that were cached do not parse: " + err.Error())
	}
	c.labels = ls
}

// refusal checks what the TSDB would accept and billing could not bear.
func (a *appending) refusal(e *seriesEntry, p point) (ingest.Reason, bool) {
	sum := p.sum()
	switch {
	case p.t > a.newest:
		return ingest.InFuture, true
	case p.t < a.oldest:
		if p.t > 0 && p.t < secondsLimit {
			return ingest.InSeconds, true
		}
		return ingest.TooOld, true
	case e.billable && (math.IsInf(sum, 0) || math.IsNaN(sum) && !value.IsStaleNaN(sum)):
		return ingest.NotANumber, true
	}
	if is, err := p.histogram(); is && err != nil {
		return ingest.BadHistogram, true
	}
	return 0, false
}

// refuse reports one point, and the exemplars that go with it.
func (a *appending) refuse(why ingest.Reason, c *carrier, p point) {
	a.reject(why, c.entry.owner.tenant, p.one(), func() string {
		return fmt.Sprintf("%s at %d", a.batch.Describe(c.series), p.t)
	})
	a.orphans(c.series, c.entry.owner.tenant, len(c.exemplars))
}

// refusalOf maps the TSDB's errors about a sample to reasons.
func refusalOf(err error) (ingest.Reason, bool) {
	switch {
	case errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds):
		return ingest.TooOld, true
	case errors.Is(err, storage.ErrOutOfOrderSample):
		return ingest.OutOfOrder, true
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		return ingest.Duplicate, true
	case errors.Is(err, errSeriesLimit):
		return ingest.SeriesLimit, true
	}
	return 0, false
}
