package tsdb

import (
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"invoq/ingest"
)

// Writer appends batches to the TSDB. It is safe for concurrent use.
//
// Series are spread over shards by the hash of their bytes, and a shard's lock
// is held from the first append to the commit, so no two appenders race on
// a series: what Append accepted, Commit keeps. A series that two senders spell
// differently may be in two shards; the out-of-order window then keeps both.
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
	// stamp puts the tenant on the labels of a series.
	stamp *labels.Builder
	// bills remembers which metrics feed a bill.
	bills map[string]bool
	// batch numbers the batches of this shard.
	batch uint64
	// appender numbers the appenders of this shard.
	appender uint32
	// swept is when refs was swept last.
	swept time.Time
}

// routing is the scratch memory of one batch: which series go to which shard.
type routing struct {
	labels []uint64 // hashes of the labels that the batch numbers
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
		w.shards[i] = &shard{
			refs: newRefCache(), b: labels.NewScratchBuilder(16),
			stamp: labels.NewBuilder(labels.EmptyLabels()), bills: map[string]bool{},
		}
	}
	return w
}

// Write implements ingest.Store: it appends what can be appended, and returns
// once that is durable.
func (w *Writer) Write(ctx context.Context, scope ingest.Scope, b *ingest.Batch) (ingest.Rejections, error) {
	cfg := &w.store.cfg
	return w.write(ctx, scope, b, cfg.Now().Add(-cfg.Lateness).UnixMilli())
}

// write is Write for samples not older than oldest, in milliseconds.
func (w *Writer) write(
	ctx context.Context, scope ingest.Scope, b *ingest.Batch, oldest int64,
) (ingest.Rejections, error) {
	if err := w.store.Health(); err != nil {
		return ingest.Rejections{}, err
	}
	if len(b.Metadata) > 0 && scope.Tenant != "" {
		w.store.meta.put(scope.Tenant, b.Metadata)
	}
	a := newAppending(w, scope, b, oldest)
	if len(b.Series) == 0 {
		a.remember()
		return ingest.Rejections{}, nil
	}
	r := w.pool.Get().(*routing)
	defer w.pool.Put(r)
	w.route(r, b)

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
	if err := a.core.syncer.wait(ctx); err != nil {
		if failed := a.core.syncer.failure(); failed != nil {
			w.store.noteFailure(failed)
		}
		return ingest.Rejections{}, err
	}
	a.remember() // Not before: what was not stored is sent again, and refused again.
	return a.rejected, nil
}

// route sorts the batch's series by shard, keeping their order within one.
func (w *Writer) route(r *routing, b *ingest.Batch) {
	n, mask := len(b.Series), uint64(len(w.shards)-1)
	r.hashes = resize(r.hashes, n)
	r.order = resize(r.order, n)
	r.starts = resize(r.starts, len(w.shards)+1)
	clear(r.starts)
	r.labels = resize(r.labels, b.Numbered())
	for n := range r.labels {
		r.labels[n] = maphash.Bytes(w.seed, b.Label(uint32(n)))
	}
	for i := range b.Series {
		h := w.hash(r, b, &b.Series[i])
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

// hash returns the series' hash, made of those of its labels: they are the same
// whether they came spelled or by number.
func (w *Writer) hash(r *routing, b *ingest.Batch, s *ingest.Series) (h uint64) {
	const odd = 0x9e3779b97f4a7c15 // The order of labels makes a difference.
	if numbers := b.Numbers(s); len(numbers) > 0 {
		for _, n := range numbers {
			h = h*odd + r.labels[n]
		}
		return h
	}
	for label, rest := []byte(nil), s.Labels; len(rest) > 0; {
		label, rest = ingest.CutLabel(rest)
		h = h*odd + maphash.Bytes(w.seed, label)
	}
	return h
}

// resize returns s with n elements, its memory used again where it suffices.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// rememberedMetrics bounds the metrics of which a shard remembers whether they
// feed a bill.
const rememberedMetrics = 2_000

// billable says whether usage is counted from the metric. Asking costs more
// than all else that a new series does here, and names are few.
func (s *shard) billable(metric string, ask func(metric string) bool) bool {
	if ask == nil {
		return false
	}
	bills, known := s.bills[metric]
	if !known {
		if len(s.bills) == rememberedMetrics {
			clear(s.bills)
		}
		bills = ask(metric)
		s.bills[strings.Clone(metric)] = bills
	}
	return bills
}
