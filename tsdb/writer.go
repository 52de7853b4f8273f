package tsdb

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"invoq"
	"invoq/ingest"
)

// secondsLimit separates milliseconds from seconds: as milliseconds it is
// March 1973, as seconds the year 5138.
const secondsLimit = 100_000_000_000

// Writer appends batches to the TSDB. It is safe for concurrent use.
//
// Series are spread over shards by the hash of their bytes, and a shard's lock
// is held from the first append to the commit, so no two appenders ever race
// on a series: what Append accepted, Commit keeps.
type Writer struct {
	store  *Store
	limits ingest.Limits
	seed   maphash.Seed
	shards []*shard
	pool   sync.Pool // *routing
}

// shard is the part of the series that one appender writes at a time.
type shard struct {
	mu   sync.Mutex
	refs *refCache
	b    labels.ScratchBuilder
	// swept is when refs was swept last.
	swept time.Time
}

// routing is the scratch memory of one batch: which series go to which shard.
type routing struct {
	hashes []uint64
	order  []int32
	starts []int32
}

// newWriter returns the writer of a store.
func newWriter(s *Store) *Writer {
	w := &Writer{
		store:  s,
		limits: ingest.DefaultLimits(),
		seed:   maphash.MakeSeed(),
		shards: make([]*shard, s.cfg.Shards),
		pool:   sync.Pool{New: func() any { return new(routing) }},
	}
	for i := range w.shards {
		w.shards[i] = &shard{refs: newRefCache(), b: labels.NewScratchBuilder(16)}
	}
	return w
}

// Write implements ingest.Store: it appends what can be appended, and returns
// once that is durable.
func (w *Writer) Write(ctx context.Context, scope ingest.Scope, b *ingest.Batch) (ingest.Rejections, error) {
	if err := w.store.Health(); err != nil {
		return ingest.Rejections{}, err
	}
	if len(b.Metadata) > 0 && scope.Tenant != "" {
		w.store.meta.put(scope.Tenant, b.Metadata)
	}
	if len(b.Series) == 0 {
		return ingest.Rejections{}, nil
	}
	r := w.pool.Get().(*routing)
	defer w.pool.Put(r)
	w.route(r, b)

	a := appending{w: w, scope: scope, batch: b, now: w.store.cfg.Now()}
	for i := range w.shards {
		// Requests begin at different shards, so that they do not queue up.
		n := (i + int(r.hashes[0])) & (len(w.shards) - 1)
		series := r.order[r.starts[n]:r.starts[n+1]]
		if len(series) == 0 {
			continue
		}
		if err := a.shard(ctx, w.shards[n], series, r.hashes); err != nil {
			return ingest.Rejections{}, err
		}
	}
	if err := w.store.syncer.wait(ctx); err != nil {
		return ingest.Rejections{}, err
	}
	return a.rejected, nil
}

// route sorts the batch's series by shard, keeping their order within one.
func (w *Writer) route(r *routing, b *ingest.Batch) {
	n, mask := len(b.Series), uint64(len(w.shards)-1)
	r.hashes = resize(r.hashes, n)
	r.order = resize(r.order, n)
	r.starts = resize(r.starts, len(w.shards)+1)
	clear(r.starts)
	for i := range b.Series {
		h := maphash.Bytes(w.seed, b.Series[i].Labels)
		r.hashes[i] = h
		r.starts[(h&mask)+1]++
	}
	for i := 1; i < len(r.starts); i++ {
		r.starts[i] += r.starts[i-1]
	}
	next := append([]int32(nil), r.starts...)
	for i, h := range r.hashes {
		r.order[next[h&mask]] = int32(i)
		next[h&mask]++
	}
}

// resize returns s with n elements, its memory used again where it suffices.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// appending is one batch on its way into the TSDB.
type appending struct {
	w        *Writer
	scope    ingest.Scope
	batch    *ingest.Batch
	now      time.Time
	rejected ingest.Rejections
	spans    map[invoq.TenantName]span
}

// shard appends and commits the batch's series of one shard.
func (a *appending) shard(ctx context.Context, sh *shard, series []int32, hashes []uint64) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if a.now.Sub(sh.swept) > blockRange {
		// The TSDB forgets ended series once in blockRange; so do we.
		sh.refs.sweep()
		sh.swept = a.now
	}
	a.spans = map[invoq.TenantName]span{}
	app := a.w.store.db.AppenderV2(ctx)
	for _, i := range series {
		if err := a.series(app, sh, &a.batch.Series[i], hashes[i]); err != nil {
			return errors.Join(storageError(err), app.Rollback())
		}
	}
	if err := app.Commit(); err != nil {
		return storageError(err)
	}
	for tenant, s := range a.spans {
		a.w.store.changes.add(tenant, s)
	}
	return nil
}

// storageError is what a sender is told when its samples could not be stored.
func storageError(err error) error {
	return invoq.Errorf(invoq.KindUnavailable, "samples could not be stored; send this again").WithCause(err)
}

// series appends the samples of one series. Only a failure of the TSDB itself
// is an error; samples that it refuses are counted.
func (a *appending) series(app storage.AppenderV2, sh *shard, s *ingest.Series, hash uint64) error {
	samples := a.batch.Samples[s.First:s.End]
	ls := labels.EmptyLabels() // A known series is found by its reference.
	e := sh.refs.find(hash, a.scope.Tenant, s.Labels)
	known := e != nil
	if !known {
		var err error
		if e, ls, err = a.admit(sh, s); err != nil {
			a.refuseSeries(err, len(samples))
			return nil
		}
	}
	for _, sample := range samples {
		if err := a.sample(app, sh, e, ls, s, sample); err != nil {
			return err
		}
	}
	if !known && e.ref != 0 {
		sh.refs.add(hash, s.Labels, e)
	}
	return nil
}

// admit reads the labels of a series that the cache does not know.
func (a *appending) admit(sh *shard, s *ingest.Series) (*seriesEntry, labels.Labels, error) {
	ls, tenant, err := a.labels(sh, s)
	if err != nil {
		return nil, ls, err
	}
	return &seriesEntry{
		scope:    a.scope.Tenant,
		tenant:   tenant,
		billable: a.w.billable(ls.Get(model.MetricNameLabel)),
	}, ls, nil
}

// labels parses the series' labels and stamps its tenant on them.
func (a *appending) labels(sh *shard, s *ingest.Series) (labels.Labels, invoq.TenantName, error) {
	ls, err := ingest.ParseLabels(s.Labels, a.w.limits, &sh.b)
	if err != nil {
		return labels.EmptyLabels(), "", err
	}
	tenant := a.scope.Tenant
	if tenant == "" {
		tenant = a.scope.Resolve(ls)
	}
	return labels.NewBuilder(ls).Set(ingest.TenantLabel, string(tenant)).Labels(), tenant, nil
}

// refuseSeries reports a series whose labels are refused, with all its samples.
func (a *appending) refuseSeries(err error, samples int) {
	var le *ingest.LabelError
	if !errors.As(err, &le) {
		panic("BUG: label error of another type: " + err.Error())
	}
	example := func() string { return le.Detail }
	if samples == 0 {
		a.rejected.Add(le.Reason, 1, example)
		return
	}
	a.rejected.AddSamples(le.Reason, samples, example)
}

// sample appends one sample.
func (a *appending) sample(
	app storage.AppenderV2,
	sh *shard,
	e *seriesEntry,
	ls labels.Labels,
	s *ingest.Series,
	sample ingest.Sample,
) error {
	if why, bad := a.refusal(e, sample); bad {
		a.refuse(why, s, sample)
		return nil
	}
	ref, err := app.Append(e.ref, ls, 0, sample.T, sample.V, nil, nil, storage.AOptions{})
	if errors.Is(err, tsdb.ErrInvalidSample) && ls.IsEmpty() {
		// The TSDB has forgotten an idle series; it is known by its labels.
		if ls, _, err = a.labels(sh, s); err != nil {
			panic("BUG: labels that were cached do not parse: " + err.Error())
		}
		ref, err = app.Append(0, ls, 0, sample.T, sample.V, nil, nil, storage.AOptions{})
	}
	if err == nil {
		e.ref = ref
		a.extend(e.tenant, sample.T)
		return nil
	}
	why, ok := refusalOf(err)
	if !ok {
		return fmt.Errorf("append sample: %w", err)
	}
	a.refuse(why, s, sample)
	return nil
}

// refusal checks what the TSDB would accept and billing could not bear.
func (a *appending) refusal(e *seriesEntry, s ingest.Sample) (ingest.Reason, bool) {
	cfg := &a.w.store.cfg
	now := a.now.UnixMilli()
	switch {
	case s.T > now+cfg.Ahead.Milliseconds():
		return ingest.InFuture, true
	case s.T < now-cfg.Lateness.Milliseconds():
		if s.T > 0 && s.T < secondsLimit {
			return ingest.InSeconds, true
		}
		return ingest.TooOld, true
	case e.billable && (math.IsInf(s.V, 0) || math.IsNaN(s.V) && !value.IsStaleNaN(s.V)):
		return ingest.NotANumber, true
	}
	return 0, false
}

// refuse reports one sample.
func (a *appending) refuse(why ingest.Reason, s *ingest.Series, sample ingest.Sample) {
	a.rejected.AddSamples(why, 1, func() string {
		return fmt.Sprintf("%s at %d", s.Describe(), sample.T)
	})
}

// extend widens the span of time in which a tenant's usage has changed.
func (a *appending) extend(tenant invoq.TenantName, t int64) {
	s, ok := a.spans[tenant]
	if !ok {
		s = span{oldest: t, newest: t}
	}
	a.spans[tenant] = span{oldest: min(s.oldest, t), newest: max(s.newest, t)}
}

// billable says whether usage is counted from the metric.
func (w *Writer) billable(metric string) bool {
	return w.store.cfg.Billable != nil && w.store.cfg.Billable(metric)
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
