package exact

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq/ingest"
)

// startMetric is the gauge by which exporters tell when their process began, in
// seconds since 1970.
const startMetric = "process_start_time_seconds"

// target is one process that is scraped. A pod has several: what restarts in
// one container says nothing of the counters in another.
type target struct {
	starts []point
	// since is the time of the oldest sample that tells a start, milliseconds.
	since int64
}

// targets are processes by targetKey.
type targets map[string]*target

// targetLabels are what all series of one scraped process have in common.
var targetLabels = []string{
	ingest.TenantLabel, "job", "instance", "namespace", "pod", "container", "endpoint", "port",
}

// targetKey appends what tells processes apart; nothing when the series does
// not say where it comes from.
func targetKey(b []byte, ls labels.Labels) []byte {
	said := false
	for i, name := range targetLabels {
		v := ls.Get(name)
		said = said || i > 0 && v != ""
		b = append(append(b, v...), 0xff) // No valid UTF-8 holds this byte.
	}
	if !said {
		return b[:0]
	}
	return b
}

// of returns the process that a series comes from, or nil when no start of it
// is known.
func (ts targets) of(ls labels.Labels) *target {
	if len(ts) == 0 {
		return nil
	}
	var buf [256]byte
	return ts[string(targetKey(buf[:0], ls))]
}

// startAt returns when the process running at t began, in milliseconds, or 0:
// by the last start told at or before t, else by the first one after it, if
// that process was running by then.
func (t *target) startAt(at int64) int64 {
	if t == nil {
		return 0
	}
	start := 0.0
	for _, p := range t.starts {
		if p.t > at && start != 0 {
			break
		}
		start = p.v
	}
	ms := int64(start * 1000)
	if ms > at+startJitter.Milliseconds() {
		return 0
	}
	return ms
}

// readStarts learns when each target's process began.
func (c *computation) readStarts() error {
	return c.reader.series(c.ctx, startMetric, func(ls labels.Labels, it chunkenc.Iterator) error {
		key := string(targetKey(nil, ls))
		if key == "" {
			return nil
		}
		t := c.fleet.targets[key]
		if t == nil {
			t = &target{}
			c.fleet.targets[strings.Clone(key)] = t
		}
		first := true
		for it.Next() == chunkenc.ValFloat {
			at, v := it.At()
			if value.IsStaleNaN(v) || v <= 0 {
				continue
			}
			if first {
				since, err := c.since(ls, at)
				if err != nil {
					return err
				}
				if t.since == 0 || since < t.since {
					t.since = since
				}
				first = false
			}
			if len(t.starts) == 0 || t.starts[len(t.starts)-1].v != v {
				t.starts = append(t.starts, point{at, v})
			}
		}
		return nil
	})
}

// since returns when a series was first heard of: at, its first sample nearby,
// or before that if it has been silent for a while.
func (c *computation) since(ls labels.Labels, at int64) (int64, error) {
	if at <= c.reader.from {
		return at, nil // Nothing born in the interval is older.
	}
	last, ok, err := c.reader.before(c.ctx, ls, "")
	if err != nil || !ok {
		return at, err
	}
	return last.t, nil
}
