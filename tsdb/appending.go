package tsdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"invoq"
	"invoq/ingest"
)

// appending is one batch on its way into the TSDB.
type appending struct {
	w        *Writer
	core     *core
	ctx      context.Context
	scope    ingest.Scope
	batch    *ingest.Batch
	now      time.Time
	rejected ingest.Rejections
	// byTenant is rejected by tenant, where the scope does not name it.
	byTenant map[invoq.TenantName]*ingest.Rejections
	// oldest and newest bound the times that are accepted, in milliseconds.
	oldest, newest int64

	// sh is the shard at work, app its open appender.
	sh  *shard
	app storage.AppenderV2
	// touched are the owners of the points of this shard.
	touched []*owner
	// c is the series at work; one for all saves an allocation for each.
	c carrier
}

// newAppending returns a batch at its beginning.
//
// oldest is the time of the oldest sample that is accepted, in milliseconds.
func newAppending(w *Writer, scope ingest.Scope, b *ingest.Batch, oldest int64) appending {
	cfg := &w.store.cfg
	now := cfg.Now()
	return appending{
		w: w, core: w.store.core.Load(), scope: scope, batch: b, now: now,
		oldest: oldest, newest: now.UnixMilli() + cfg.Ahead.Milliseconds(),
	}
}

// shard appends and commits the batch's series of one shard.
func (a *appending) shard(ctx context.Context, sh *shard, series []int32, hashes []uint64) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if a.w.store.core.Load() != a.core {
		return storageError(errLostWrite) // The log was read anew since the request began.
	}
	if a.now.Sub(sh.swept) > blockRange {
		// The TSDB forgets ended series once in blockRange; so do we.
		sh.refs.sweep()
		sh.swept = a.now
	}
	if sh.refs.crowded(int(a.core.db.Head().NumSeries()) / len(a.w.shards)) {
		sh.refs = newRefCache() // Whatever it knew can be found out again.
	}
	a.ctx, a.sh = ctx, sh
	a.begin()
	defer sh.refs.end()
	a.open()
	for _, i := range series {
		if err := a.series(&a.batch.Series[i], hashes[i]); err != nil {
			return errors.Join(storageError(err), a.app.Rollback())
		}
	}
	if err := a.commit(); err != nil {
		return storageError(err)
	}
	for _, o := range a.touched {
		a.w.store.changes.add(o.tenant, o.span)
	}
	return nil
}

// begin begins with the series of a shard.
func (a *appending) begin() {
	a.sh.batch++
	a.sh.refs.begin(a.batch)
	a.touched = a.touched[:0]
}

// open begins an appender.
func (a *appending) open() {
	a.sh.appender++
	a.app = a.core.db.AppenderV2(a.ctx)
}

// flush commits what was appended so far, so that the TSDB can compare with it.
func (a *appending) flush() error {
	if err := a.commit(); err != nil {
		a.open() // For the rollback that follows.
		return err
	}
	a.open()
	return nil
}

// commit commits what was appended. A commit that fails has not written its
// record to the end. One that panics, as it does where a full chunk of late
// samples finds no room on disk, leaves the series locked: that cannot be mended.
func (a *appending) commit() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("commit samples: %v", r)
			a.w.store.breakDown(err)
		}
	}()
	if err := a.app.Commit(); err != nil {
		a.w.store.lose(err)
		return fmt.Errorf("commit samples: %w", err)
	}
	return nil
}

// storageError is what a sender is told when its samples could not be stored.
func storageError(err error) error {
	return invoq.Errorf(invoq.KindUnavailable, "samples could not be stored; send this again").WithCause(err)
}

// series appends what the batch holds of one series. Only a failure of the TSDB
// itself is an error; what is refused is counted.
func (a *appending) series(s *ingest.Series, hash uint64) error {
	ls := labels.EmptyLabels() // A known series is found by its reference.
	e := a.sh.refs.find(hash, a.scope.Tenant, s)
	known := e != nil
	if !known {
		var err error
		if e, ls, err = a.admit(s); err != nil {
			a.refuseSeries(err, s)
			return nil
		}
	}
	if err := a.values(s, e, ls); err != nil {
		return err
	}
	if !known && e.ref != 0 {
		a.sh.refs.add(hash, s, e)
	}
	return nil
}

// values appends a series' samples, histograms and exemplars.
func (a *appending) values(s *ingest.Series, e *seriesEntry, ls labels.Labels) error {
	samples := a.batch.Samples[s.First:s.End]
	histograms := a.batch.Histograms[s.FirstHistogram:s.EndHistogram]
	exemplars := a.exemplars(s, e.owner.tenant)
	if len(samples)+len(histograms) == 0 {
		return a.alone(s, e, ls, exemplars)
	}
	a.c = carrier{series: s, entry: e, labels: ls, alone: e.pending != a.sh.appender}
	c := &a.c
	if len(samples) > 1 && !slices.IsSortedFunc(samples, byTime) {
		slices.SortStableFunc(samples, byTime)
	}
	for i := range samples {
		if i == len(samples)-1 && len(histograms) == 0 {
			c.exemplars = exemplars
		}
		if err := a.value(c, point{t: samples[i].T, start: samples[i].Start, v: samples[i].V}); err != nil {
			return err
		}
	}
	for i := range histograms {
		c.alone = false // They are not sorted, and may follow samples.
		if i == len(histograms)-1 {
			c.exemplars = exemplars
		}
		if err := a.value(c, histogramPoint(&histograms[i])); err != nil {
			return err
		}
	}
	return nil
}

// byTime orders samples; senders keep the order, others are helped.
func byTime(x, y ingest.Sample) int { return cmp.Compare(x.T, y.T) }

// admit reads the labels of a series that the cache does not know.
func (a *appending) admit(s *ingest.Series) (*seriesEntry, labels.Labels, error) {
	ls, tenant, err := a.labels(s)
	if err != nil {
		return nil, ls, err
	}
	name := ls.Get(model.MetricNameLabel)
	if s.Described > 0 {
		a.w.store.meta.describe(tenant, name, a.batch.Descriptions[s.Described-1])
	}
	return &seriesEntry{
		owner:    a.sh.refs.owner(owning{a.scope.Tenant, tenant}),
		billable: a.sh.billable(name, a.w.store.cfg.Billable),
	}, ls, nil
}

// labels parses the series' labels and stamps its tenant on them.
func (a *appending) labels(s *ingest.Series) (labels.Labels, invoq.TenantName, error) {
	ls, err := ingest.ParseLabels(a.batch.Spell(s), a.w.limits, &a.sh.b)
	if err != nil {
		return labels.EmptyLabels(), "", err
	}
	tenant := a.scope.Tenant
	if tenant == "" {
		tenant = a.scope.Resolve(ls)
	}
	if ls.Get(ingest.TenantLabel) != string(tenant) {
		a.sh.stamp.Reset(ls)
		ls = a.sh.stamp.Set(ingest.TenantLabel, string(tenant)).Labels()
	}
	return ls, tenant, nil
}

// refuseSeries reports a series whose labels are refused, with all it holds.
func (a *appending) refuseSeries(err error, s *ingest.Series) {
	var le *ingest.LabelError
	if !errors.As(err, &le) {
		panic("BUG: label error of another type: " + err.Error())
	}
	example := func() string { return le.Detail }
	n := ingest.Counts{
		Samples:    int(s.End - s.First),
		Histograms: int(s.EndHistogram - s.FirstHistogram),
		Exemplars:  int(s.EndExemplar - s.FirstExemplar),
	}
	if n.Total() == 0 {
		a.rejected.Add(le.Reason, 1, example)
		if a.scope.Tenant == "" {
			a.forTenant("").Add(le.Reason, 1, example)
		}
		return
	}
	a.reject(le.Reason, "", n, example)
}

// reject counts values of a tenant, where it is known, as refused.
func (a *appending) reject(why ingest.Reason, tenant invoq.TenantName, n ingest.Counts, example func() string) {
	a.rejected.AddValues(why, n, example)
	if a.scope.Tenant == "" {
		a.forTenant(tenant).AddValues(why, n, example)
	}
}

// forTenant returns where a tenant's refusals of this batch are counted.
func (a *appending) forTenant(tenant invoq.TenantName) *ingest.Rejections {
	if a.byTenant == nil {
		a.byTenant = map[invoq.TenantName]*ingest.Rejections{}
	}
	if a.byTenant[tenant] == nil {
		a.byTenant[tenant] = &ingest.Rejections{}
	}
	return a.byTenant[tenant]
}

// remember has the store remember what was refused of the batch, for tenants
// to read.
func (a *appending) remember() {
	to := a.w.store.refusals
	if a.scope.Tenant != "" {
		to.add(a.scope.Tenant, &a.rejected, a.now)
	} else {
		for tenant, rejected := range a.byTenant {
			to.add(tenant, rejected, a.now)
		}
	}
	to.add(a.scope.Tenant, &a.batch.Skipped, a.now)
}

// extend widens the span of time in which an owner's usage has changed.
func (a *appending) extend(o *owner, t int64) {
	if o.touched != a.sh.batch {
		o.touched, o.span = a.sh.batch, span{oldest: t, newest: t}
		a.touched = append(a.touched, o)
		return
	}
	o.span = span{oldest: min(o.span.oldest, t), newest: max(o.span.newest, t)}
}
