package tsdb

import (
	"context"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// lookUp returns the point of the series that is stored for the time t, or nil,
// and, unless only that is asked, the time of the newest point at or after t.
// It sees what is committed.
func (c *core) lookUp(
	ctx context.Context, ls labels.Labels, t int64, only bool,
) (found *point, newest int64, err error) {
	until := int64(math.MaxInt64)
	if only {
		until = t
	}
	q, err := c.db.Querier(t, until)
	if err != nil {
		return nil, t, fmt.Errorf("open querier: %w", err)
	}
	defer q.Close()
	set := q.Select(ctx, false, nil, exactly(ls)...)
	newest = t
	for set.Next() {
		// Matchers also find series with more labels than these.
		if !labels.Equal(set.At().Labels(), ls) {
			continue
		}
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if newest = it.AtT(); newest == t {
				found = pointAt(it, kind)
			}
		}
		if err := it.Err(); err != nil {
			return nil, t, fmt.Errorf("read series %s: %w", ls, err)
		}
	}
	if err := set.Err(); err != nil {
		return nil, t, fmt.Errorf("look up series %s: %w", ls, err)
	}
	return found, newest, nil
}

// exactly returns matchers that find the series.
func exactly(ls labels.Labels) []*labels.Matcher {
	ms := make([]*labels.Matcher, 0, ls.Len())
	ls.Range(func(l labels.Label) {
		ms = append(ms, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	return ms
}

// pointAt copies what the iterator stands at.
func pointAt(it chunkenc.Iterator, kind chunkenc.ValueType) *point {
	p := &point{start: it.AtST()}
	switch kind {
	case chunkenc.ValHistogram:
		p.t, p.h = it.AtHistogram(nil)
	case chunkenc.ValFloatHistogram:
		p.t, p.fh = it.AtFloatHistogram(nil)
	default:
		p.t, p.v = it.At()
	}
	return p
}
