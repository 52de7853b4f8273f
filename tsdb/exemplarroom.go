package tsdb

import (
	"github.com/prometheus/prometheus/config"
)

// fewExemplars is for how many exemplars the TSDB has room at first.
const fewExemplars = 1 << 10

// fitExemplars has the TSDB's own memory of exemplars, by which it knows those
// that come again, hold as many as are kept and as many more. At a start it has
// room for all that the log may have, and takes 6 MiB for that; most have few or
// none. Nobody may write yet.
func (c *core) fitExemplars(kept int, window int64) {
	c.exemplars.Store(0)
	c.growExemplars(kept, window)
}

// growExemplars is fitExemplars for more than there is room for, at any time.
func (c *core) growExemplars(kept int, window int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := max(fewExemplars, c.exemplars.Load())
	for room <= int64(kept) && room < maxExemplars {
		room = min(2*room, maxExemplars)
	}
	if room == c.exemplars.Load() {
		return // Another writer has seen to it, or there is no more to have.
	}
	// Nothing else changes: the head has the log of late samples already.
	c.db.Head().ApplyConfig(&config.Config{StorageConfig: config.StorageConfig{
		TSDBConfig:      &config.TSDBConfig{OutOfOrderTimeWindow: window},
		ExemplarsConfig: &config.ExemplarsConfig{MaxExemplars: room},
	}}, nil)
	c.exemplars.Store(room)
}
