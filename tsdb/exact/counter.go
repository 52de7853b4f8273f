package exact

import (
	"math"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

// The counting rule's constants, see the package comment.
const (
	// BirthAge is how long before it was first seen a process may have started
	// and still count from zero.
	BirthAge = time.Hour
	// FirstSight is how long a tenant counts as newly watched.
	FirstSight = 10 * time.Minute
	// GaugeAge is how far a gauge's sample may be from where it is used.
	GaugeAge = 5 * time.Minute
	// startJitter is how far a process's start, as exporters compute it from
	// the boot time, may wander without a restart.
	startJitter = 2 * time.Second
)

// scale is how many integer units make one of a counter's own.
type scale float64

// Counts are kept in thousandths, times in nanoseconds.
const (
	perCount       scale = 1e3
	perSecond      scale = 1e9
	perMillisecond scale = 1e6
)

// read returns the value in integer units, and false for one that no counter
// can have: negative, not finite or beyond what fits.
func (s scale) read(v float64) (int64, bool) {
	u := math.Round(v * float64(s))
	if !(u >= 0 && u < 1<<62) {
		return 0, false
	}
	return int64(u), true
}

// sample is one value of a counter.
type sample struct {
	t int64 // milliseconds
	// start is when the counted process began, in milliseconds; 0 is unknown.
	start int64
	// told is set when the sample itself carried the start.
	told bool
	v    float64
	// native is the histogram that v was read from, nil for a number.
	native *histogram.FloatHistogram
}

// birth is how a series' first sample was counted.
type birth uint8

const (
	bornNot     birth = iota // not a first sample
	bornTold                 // its start is known and counts
	bornUntold               // nobody told its start
	bornAssumed              // the same, while the tenant was newly watched
	bornBefore               // it began before anybody watched: counts nothing
)

// births decides how first samples are counted.
type births struct {
	// watched is when the tenant's first sample came, in milliseconds.
	watched int64
	// targetSince is when the counter's process was first heard of, in
	// milliseconds; 0 when it tells no start.
	targetSince int64
	// skipFirstSight counts nothing for untold births of newly watched tenants.
	skipFirstSight bool
}

// of says how a counter's first sample came to be.
func (b births) of(s sample) birth {
	switch {
	case s.start != 0 && !s.told && b.targetSince != 0:
		// What the first scrape of an old process shows was before us. A
		// counter that appears in a later one has counted from zero since.
		firstScrape := s.t <= b.targetSince+startJitter.Milliseconds()
		if firstScrape && s.start < b.targetSince-BirthAge.Milliseconds() {
			return bornBefore
		}
		return bornTold
	case s.start != 0 && s.start < b.watched-BirthAge.Milliseconds():
		return bornBefore
	case s.start != 0:
		return bornTold
	case s.t >= b.watched+FirstSight.Milliseconds():
		return bornUntold
	case b.skipFirstSight:
		return bornBefore
	}
	return bornAssumed
}

// counter follows one series and says how much each sample adds.
type counter struct {
	scale  scale
	births births
	prev   sample
	units  int64 // prev.v, read
	seen   bool
}

// step is what one sample of a counter shows.
type step struct {
	from, t int64 // the samples' times; from is 0 at a birth
	growth  int64 // units
	born    birth
	// anew is set where all of the sample is growth: a birth or a restart.
	anew bool
}

// resume sets the state to a sample that was counted before.
func (c *counter) resume(s sample) {
	if u, ok := c.scale.read(s.v); ok {
		c.prev, c.units, c.seen = s, u, true
	}
}

// next takes the next sample and reports what it adds. It reports false for
// stale markers and unreadable values, which add nothing and change nothing.
func (c *counter) next(s sample) (step, bool) {
	if value.IsStaleNaN(s.v) {
		return step{}, false
	}
	units, ok := c.scale.read(s.v)
	if !ok {
		return step{}, false
	}
	st := step{t: s.t}
	switch {
	case !c.seen:
		st.born = c.births.of(s)
		if st.born != bornBefore {
			st.anew = true
			st.growth = units
		}
	case units < c.units || c.restarted(s):
		st.from, st.growth, st.anew = c.prev.t, units, true
	default:
		st.from, st.growth = c.prev.t, units-c.units
	}
	c.prev, c.units, c.seen = s, units, true
	return st, true
}

// restarted reports whether the process began anew since the last sample
// although the counter did not fall.
func (c *counter) restarted(s sample) bool {
	if s.start == 0 {
		return false
	}
	if s.told {
		return s.start > c.prev.start && s.start >= c.prev.t
	}
	// A start computed by an exporter wanders by clock steps; a restart moves
	// it past the last sample. That alone must do where the start before is not
	// known, after a long silence.
	jitter := startJitter.Milliseconds()
	if c.prev.start == 0 {
		return s.start > c.prev.t+jitter
	}
	return s.start > c.prev.start+jitter && s.start > c.prev.t-jitter
}
