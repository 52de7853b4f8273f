package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/value"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// How the composed fleet behaves: a little as Knative does by default.
const (
	scrape = 15 * time.Second
	// concurrency is how many invocations a pod is meant to serve at a time.
	concurrency = 10
	maxPods     = 50 // of one function
	// idleScrapes is after how many scrapes without work a pod goes.
	idleScrapes = 4
)

// ticksPerMinute is how often a pod is scraped in a minute.
const ticksPerMinute = int(time.Minute / scrape)

// bucketsMs are the bounds of the durations' histogram.
var bucketsMs = []float64{5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, math.Inf(1)}

// fleet is the pods that serve one function.
type fleet struct {
	f      Function
	rng    *rand.Rand
	phase  int64 // milliseconds into a scrape interval
	born   int   // pods so far
	pods   []*pod
	ending []*pod // gone, their stale markers not written yet
	labels []string
}

// pod is one instance.
type pod struct {
	name     string
	started  int64 // milliseconds since 1970
	memory   float64
	requests int64
	seconds  float64
	buckets  []int64 // cumulative
	idle     int
}

// newFleet returns the fleet of one function. Its randomness is its own, so that
// the same function is always served alike.
func newFleet(f Function, seed uint64) *fleet {
	rng := rand.New(rand.NewPCG(seed, uint64(len(f.PerMinute))))
	for _, c := range f.Name[:8] {
		rng = rand.New(rand.NewPCG(rng.Uint64(), uint64(c)))
	}
	return &fleet{
		f: f, rng: rng, phase: rng.Int64N(scrape.Milliseconds()),
		labels: []string{"revision", f.Service() + "-00001", "service", f.Service(), "tenant", f.Tenant()},
	}
}

// tick serves the invocations of one scrape interval that ends at the instant,
// and returns what the scrapes in it show.
func (l *fleet) tick(at time.Time, invocations int) []ingesttest.Series {
	var out []ingesttest.Series
	t := at.UnixMilli() - scrape.Milliseconds() + l.phase
	for _, p := range l.ending {
		out = append(out, l.series(p, t, true)...)
	}
	l.ending = l.ending[:0]
	l.scale(t, invocations)
	for i, p := range l.pods {
		share := invocations / len(l.pods)
		if i < invocations%len(l.pods) {
			share++
		}
		p.idle++
		if share > 0 {
			l.serve(p, share)
		}
		out = append(out, l.series(p, t, false)...)
	}
	kept := l.pods[:0]
	for _, p := range l.pods {
		if p.idle >= idleScrapes {
			l.ending = append(l.ending, p)
			continue
		}
		kept = append(kept, p)
	}
	l.pods = kept
	return out
}

// scale starts the pods that the invocations need.
func (l *fleet) scale(t int64, invocations int) {
	if invocations == 0 {
		return
	}
	busy := float64(invocations) * l.f.MeanMs / float64(scrape.Milliseconds())
	want := min(max(int(math.Ceil(busy/concurrency)), 1), maxPods)
	for len(l.pods) < want {
		l.born++
		l.pods = append(l.pods, &pod{
			name: fmt.Sprintf("%s-00001-%05d", l.f.Service(), l.born),
			// It was started for these invocations, a moment ago.
			started: t - 1 - l.rng.Int64N(scrape.Milliseconds()-1),
			memory:  percentile(l.f.MemoryMB, l.rng.Float64()),
			buckets: make([]int64, len(bucketsMs)),
		})
	}
}

// serve adds invocations with durations drawn from the recorded distribution.
func (l *fleet) serve(p *pod, n int) {
	p.idle = 0
	p.requests += int64(n)
	for range n {
		ms := percentile(l.f.DurationsMs, l.rng.Float64())
		// Emitters add up seconds; to the microsecond, so that the sum is one
		// that a clock could have shown.
		p.seconds = math.Round((p.seconds+ms/1000)*1e6) / 1e6
		for i := sort.SearchFloat64s(bucketsMs, ms); i < len(bucketsMs); i++ {
			p.buckets[i]++
		}
	}
}

// places are where in a distribution the trace's percentiles stand.
var places = []float64{0, 0.01, 0.25, 0.5, 0.75, 0.99, 1}

// percentile returns the value at q (0 to 1), linear between the recorded
// percentiles.
func percentile(recorded []float64, q float64) float64 {
	i := sort.SearchFloat64s(places, q)
	if i == 0 {
		return recorded[0]
	}
	lo, hi := recorded[i-1], recorded[i]
	return lo + (hi-lo)*(q-places[i-1])/(places[i]-places[i-1])
}

// series are the pod's series with one sample each, or their stale markers.
func (l *fleet) series(p *pod, t int64, stale bool) []ingesttest.Series {
	out := make([]ingesttest.Series, 0, len(bucketsMs)+6)
	add := func(v float64, name string, label ...string) {
		if stale {
			v = math.Float64frombits(value.StaleNaN)
		}
		ls := make([]string, 0, 4+len(label)+len(l.labels))
		ls = append(append(append(ls, "__name__", name), label...), "pod", p.name)
		out = append(out, ingesttest.Series{Labels: append(ls, l.labels...), Samples: []ingest.Sample{{T: t, V: v}}})
	}
	add(float64(p.requests), "function_requests_total", "code", "200")
	add(p.seconds, "function_request_duration_seconds_sum")
	add(float64(p.requests), "function_request_duration_seconds_count")
	for i, upper := range bucketsMs {
		le := "+Inf"
		if !math.IsInf(upper, 1) {
			le = strconv.FormatFloat(upper/1000, 'f', -1, 64)
		}
		add(float64(p.buckets[i]), "function_request_duration_seconds_bucket", "le", le)
	}
	add(math.Round(p.memory*(1<<20)), "function_memory_usage_bytes")
	add(1, "function_cold_starts_total")
	add(float64(p.started)/1000, "process_start_time_seconds")
	return out
}

// atTick returns the invocations of the function in one scrape interval of the
// trace: those of the minute, spread evenly.
func (f Function) atTick(tick int) int {
	n := f.PerMinute[tick/ticksPerMinute%len(f.PerMinute)]
	part := tick % ticksPerMinute
	share := n / ticksPerMinute
	if part < n%ticksPerMinute {
		share++
	}
	return share
}
