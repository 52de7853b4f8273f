package pricing

import (
	"math"
	"sort"
	"time"
)

// timeline cuts time into segments in which nothing about a price changes.
type timeline struct {
	// starts are the segments' first instants in nanoseconds since 1970,
	// ascending, and the end of the last segment behind them.
	starts   []int64
	segments []segment
	held     held // by the item before
}

// held is an interval and the segment that holds all of it. The zero value
// holds none.
type held struct {
	start, end time.Time
	segment    int
	known      bool
}

// segment is a piece of a timeline.
type segment struct {
	stretch int  // index of the period's stretch
	billed  bool // inside the period; else before it, in its first month
	price   int  // time_of_day: index of the window that holds
}

// newTimeline cuts at months and at the start of the period.
func newTimeline(all []stretch) *timeline {
	var t timeline
	for i, s := range all {
		if s.month.Start.Before(s.from) {
			t.cut(s.month.Start, segment{stretch: i})
		}
		t.cut(s.from, segment{stretch: i, billed: true})
	}
	t.starts = append(t.starts, all[len(all)-1].to.UnixNano())
	return &t
}

func (t *timeline) cut(at time.Time, s segment) {
	t.starts = append(t.starts, at.UnixNano())
	t.segments = append(t.segments, s)
}

// holds reports whether segment i contains the instant.
func (t *timeline) holds(i int, nanos int64) bool {
	return t.starts[i] <= nanos && nanos < t.starts[i+1]
}

// find returns the segment that contains the instant, or −1.
func (t *timeline) find(nanos int64) int {
	i := sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > nanos }) - 1
	if i == len(t.segments) {
		return -1 // At or behind the end.
	}
	return i
}

// locate finds the segment that holds all of the item, which is usage item
// number i, and notes it in held.
func (t *timeline) locate(item *Item, i int) error {
	at, err := t.place(item, i, t.held.segment)
	if err != nil {
		return err
	}
	t.held = held{start: item.Start, end: item.End, segment: at, known: true}
	return nil
}

// place returns the segment that holds all of the item, which is usage item
// number i. Guess is the segment that is looked at first.
func (t *timeline) place(item *Item, i, guess int) (int, error) {
	start, end := unixNano(item.Start), unixNano(item.end())
	at := guess
	// Fast path: the segment of the item before.
	if !t.holds(at, start) {
		if at = t.find(start); at < 0 {
			return 0, errorOutside(i, item, t)
		}
	}
	if end < start || end > t.starts[at+1] {
		return 0, errorStraddles(i, item, t.starts[at+1])
	}
	return at, nil
}

// unixNano returns nanoseconds since 1970, or the least int64 where they do
// not fit one: an instant that no timeline holds.
func unixNano(t time.Time) int64 {
	const most = math.MaxInt64/int64(time.Second) - 1
	if seconds := t.Unix(); -most <= seconds && seconds <= most {
		return t.UnixNano()
	}
	return math.MinInt64
}
