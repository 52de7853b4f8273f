package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"invoq"
)

// memoryPlaces are the decimal places of the memory of one event, in units of
// 2^20 bytes: about a byte.
const memoryPlaces = 6

// windowSizes are the sizes of windows, the smallest first.
var windowSizes = [...]invoq.WindowSize{invoq.Window5m, invoq.Window1h, invoq.Window1d}

// tally sums up what the events of one posting tell of functions, by revision
// and window. What it says depends on nothing but the entries, and adds up:
// tallies of two postings are together the tally of both. The zero value is
// empty.
type tally struct {
	windows map[windowKey]*window
	last    *window // of the event before, whose key is lastKey
	lastKey windowKey
}

type windowKey struct {
	Function
	revision string
	size     invoq.WindowSize
	start    int64 // seconds since 1970
}

// window is what one revision used in one window. The zero value is no usage.
type window struct {
	sums         [6]invoq.Sum // in the order of functionMeters
	unmeasuredMs invoq.Sum
	maxMemoryMB  invoq.Decimal
	latency      histogram
}

// functionMeters are the meters of functions in the order of sums.
var functionMeters = [6]invoq.Meter(invoq.Meters())

// add adds the entries of one event, unless they are of resources or were
// counted from metrics, whose windows are where the entries came from.
func (t *tally) add(entries []Entry) {
	f, by, is := entries[0].function()
	if !is || by != invoq.ByEvents {
		return
	}
	var told invoq.Quantities
	for i := range entries {
		if entries[i].isFunctions() {
			told.Set(entries[i].Meter, entries[i].Quantity)
		}
	}
	revision := cmp.Or(entries[0].Revision, invoq.DefaultRevision)
	start := invoq.Window5m.Floor(entries[0].EventTime).Unix()
	w := t.window(windowKey{f, revision, invoq.Window5m, start})
	w.add(&told, entries[0].Corrects != "")
}

// window returns the window, which is empty at first.
func (t *tally) window(key windowKey) *window {
	// Fast path: events that come together are of one function and time.
	if t.last != nil && t.lastKey == key {
		return t.last
	}
	if t.windows == nil {
		t.windows = map[windowKey]*window{}
	}
	w, found := t.windows[key]
	if !found {
		w = &window{}
		t.windows[key] = w
	}
	t.last, t.lastKey = w, key
	return w
}

// add adds what one event tells. The most memory is that of usage itself:
// corrections are differences, of which none is anybody's memory.
func (w *window) add(told *invoq.Quantities, correction bool) {
	for i, m := range functionMeters {
		q := told.Of(m)
		w.sums[i].Add(&q)
	}
	switch {
	case told.MBMs.IsZero():
		w.unmeasuredMs.Add(&told.DurationMs)
	case correction || told.MBMs.Sign() < 0 || told.DurationMs.Sign() <= 0:
	// Fast path: no division for memory that is no more than the most before.
	case told.MBMs.Cmp(w.maxMemoryMB.Mul(told.DurationMs)) > 0:
		w.maxMemoryMB = told.MBMs.Quo(told.DurationMs, memoryPlaces)
	}
	w.latency.observe(told.Invocations, told.DurationMs)
}

func (w *window) merge(o *window) {
	for i := range w.sums {
		q := o.sums[i].Decimal()
		w.sums[i].Add(&q)
	}
	q := o.unmeasuredMs.Decimal()
	w.unmeasuredMs.Add(&q)
	w.maxMemoryMB = w.maxMemoryMB.Max(o.maxMemoryMB)
	w.latency.merge(&o.latency)
}

// usage returns what is to be added to windows of every size, in one order.
func (t *tally) usage() []invoq.Usage {
	small := slices.Collect(maps.Keys(t.windows))
	for _, size := range windowSizes[1:] {
		for _, key := range small {
			w := t.windows[key]
			key.size, key.start = size, size.Floor(time.Unix(key.start, 0)).Unix()
			t.window(key).merge(w)
		}
	}
	all := make([]invoq.Usage, 0, len(t.windows))
	for _, key := range slices.SortedFunc(maps.Keys(t.windows), compareWindows) {
		all = append(all, t.windows[key].usage(key))
	}
	return all
}

func (w *window) usage(key windowKey) invoq.Usage {
	start := time.Unix(key.start, 0).UTC()
	u := invoq.Usage{
		Interval: invoq.Interval{Start: start, End: start.Add(key.size.Duration())},
		TenantID: key.Tenant, Namespace: key.Namespace, Service: key.Service, Revision: key.revision,
		Latency: w.latency.latency(), MaxMemoryMB: w.maxMemoryMB, UnmeasuredMs: w.unmeasuredMs.Decimal(),
	}
	for i, m := range functionMeters {
		u.Set(m, w.sums[i].Decimal())
	}
	return u
}

// compareWindows orders windows so that those who store them cannot wait for
// each other.
func compareWindows(a, b windowKey) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.size, b.size),
		cmp.Compare(a.start, b.start), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Service, b.Service), cmp.Compare(a.revision, b.revision))
}
