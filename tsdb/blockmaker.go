package tsdb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq"
	"invoq/ingest"
)

// commitPoints is how many points are appended before they are committed, and
// tailPoints how many go into memory by one request.
const (
	commitPoints = 50_000
	tailPoints   = 10_000
)

// blockMaker makes a block of old points. It is a sink.
type blockMaker struct {
	a          *adoption
	mint, maxt int64
	dir        string
	head       *tsdb.Head
	app        storage.AppenderV2
	pending    int
	stored     int
}

// newBlockMaker begins a block of [mint, maxt).
func newBlockMaker(a *adoption, mint, maxt int64) (*blockMaker, error) {
	dir, err := os.MkdirTemp(a.from.cfg.Dir, "head-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for a block: %w", err)
	}
	opts := tsdb.DefaultHeadOptions()
	// A head takes what is within half its range of the newest: all of a block,
	// series after series, has to be.
	opts.ChunkRange = 2 * blockRange.Milliseconds()
	opts.ChunkDirRoot = dir
	opts.EnableSTStorage.Store(true)
	opts.EnableHistogramSTEncoding.Store(true)
	opts.FloatChunkEncoding.Store(uint32(chunkenc.EncXOR2))
	head, err := tsdb.NewHead(nil, a.log, nil, nil, opts, tsdb.NewHeadStats())
	if err == nil {
		err = head.Init(math.MinInt64)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin a block: %w", err), os.RemoveAll(dir))
	}
	return &blockMaker{a: a, mint: mint, maxt: maxt, dir: dir, head: head}, nil
}

// add appends the points of a series.
func (b *blockMaker) add(ctx context.Context, ls labels.Labels, points []point) error {
	if b.app == nil {
		b.app = b.head.AppenderV2(ctx)
	}
	var ref storage.SeriesRef
	for _, p := range points {
		var err error
		ref, err = b.app.Append(ref, ls, p.start, p.t, p.v, p.h, p.fh, storage.AOptions{})
		if err != nil {
			return fmt.Errorf("append %s at %s: %w", ls, utc(p.t), err)
		}
	}
	b.pending += len(points)
	b.stored += len(points)
	if b.pending < commitPoints {
		return nil
	}
	return b.commit()
}

// commit ends the appender at work.
func (b *blockMaker) commit() error {
	if b.app == nil {
		return nil
	}
	app := b.app
	b.app, b.pending = nil, 0
	return app.Commit()
}

// close writes the block into the store's folder, where it appears whole and
// synced. It is marked as made of late samples: only what came in order may
// tell a restart how far the log has been stored.
func (b *blockMaker) close(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, b.head.Close(), os.RemoveAll(b.dir)) }()
	if err := b.commit(); err != nil {
		return fmt.Errorf("commit a block's samples: %w", err)
	}
	width := blockRange.Milliseconds()
	c, err := tsdb.NewLeveledCompactor(ctx, nil, b.a.log, []int64{width}, chunkenc.NewPool(), nil)
	if err != nil {
		return fmt.Errorf("write a block: %w", err)
	}
	late := &tsdb.BlockMeta{}
	late.Compaction.SetOutOfOrder()
	ids, err := c.Write(b.a.store.cfg.Dir, b.head, b.mint, b.maxt, late)
	if err != nil {
		return fmt.Errorf("write a block: %w", err)
	}
	b.a.done.Blocks += len(ids)
	b.a.done.Stored += b.stored
	return syncDir(filepath.Clean(b.a.store.cfg.Dir))
}

// tail stores points beside those in memory, by the writer, as late ones are.
// It is a sink.
type tail struct {
	a        *adoption
	receiver *ingest.Receiver
	points   []tailPoint
	tenant   invoq.TenantName
}

type tailPoint struct {
	labels labels.Labels
	point
}

// newTail returns a tail with nothing in it.
func newTail(a *adoption) *tail {
	w := oldWriter{a.store.writer}
	return &tail{a: a, receiver: ingest.NewReceiver(w, a.store.writer.limits, metrics.NewSet())}
}

// oldWriter writes samples of any age that the TSDB bears.
type oldWriter struct{ *Writer }

// Write implements ingest.Store.
func (w oldWriter) Write(ctx context.Context, scope ingest.Scope, b *ingest.Batch) (ingest.Rejections, error) {
	return w.write(ctx, scope, b, math.MinInt64)
}

// add keeps the points until there are enough for a request.
func (t *tail) add(ctx context.Context, ls labels.Labels, points []point) error {
	tenant := invoq.TenantName(ls.Get(ingest.TenantLabel))
	if t.tenant != tenant {
		if err := t.flush(ctx); err != nil {
			return err
		}
		t.tenant = tenant
	}
	for _, p := range points {
		t.points = append(t.points, tailPoint{ls, p})
		if len(t.points) == tailPoints {
			if err := t.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush stores what is kept.
func (t *tail) flush(ctx context.Context) error {
	if len(t.points) == 0 {
		return nil
	}
	written, refused, err := t.receiver.Take(ctx, ingest.Scope{Tenant: t.tenant}, 0, func(b ingest.Builder) error {
		for _, p := range t.points {
			v := ingest.Value{T: p.t, Start: p.start, V: p.v, Int: p.h, Float: p.fh}
			if err := b.Add(p.labels, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store samples: %w", err)
	}
	t.a.done.Stored += written.Samples + written.Histograms
	t.a.done.Refused.Merge(refused)
	t.points = t.points[:0]
	return nil
}

// close stores the rest.
func (t *tail) close(ctx context.Context) error { return t.flush(ctx) }

// utc returns a time in milliseconds as people read it.
func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
