package fleetsim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/value"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// Config describes a fleet. Zero values are invalid.
type Config struct {
	Seed     uint64
	Pods     int
	Services int
	Start    time.Time
	Length   time.Duration // how long pods may be born
	Scrape   time.Duration
}

// Fleet is a simulated fleet.
type Fleet struct {
	cfg    Config
	pods   []*pod
	served map[string]int64
	unseen map[string]int64
	seen   map[string]map[int64]int64 // by service and scrape time
}

// pod is one simulated pod. Times are milliseconds since the fleet's start.
type pod struct {
	name, service, revision string
	rng                     *rand.Rand
	born, ends, phase       int64
	// told pods export when their process started.
	told bool
	// leaky pods serve requests after their last scrape.
	leaky bool
	// marks is set when the sender writes a stale marker at the pod's end.
	marks bool

	started       int64   // of the process
	count         int64   // of the process, since it started
	seconds       float64 // of requests
	unreported    int64   // served since the last scrape
	quiet         int64   // no scrape succeeds before
	scraped, gone bool
}

// New lays out the fleet.
func New(cfg Config) *Fleet {
	f := &Fleet{
		cfg: cfg, served: map[string]int64{}, unseen: map[string]int64{}, seen: map[string]map[int64]int64{},
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 1))
	for i := range cfg.Pods {
		service := rng.IntN(cfg.Services)
		born := rng.Int64N(cfg.Length.Milliseconds())
		f.pods = append(f.pods, &pod{
			name:     fmt.Sprintf("fn-%d-%05d", service, i),
			service:  fmt.Sprintf("fn-%d", service),
			revision: fmt.Sprintf("fn-%d-%05d", service, 1+rng.IntN(3)),
			rng:      rand.New(rand.NewPCG(cfg.Seed, uint64(i)+2)),
			born:     born,
			started:  born,
			ends:     born + lifetime(rng),
			phase:    rng.Int64N(cfg.Scrape.Milliseconds()),
			told:     service%2 == 0,
			leaky:    rng.IntN(10) == 0,
			marks:    rng.IntN(10) < 7,
		})
	}
	return f
}

// MaxLifetime is how long a pod lives at most.
const MaxLifetime = 2 * time.Hour

// lifetime is short for most pods and hours for some, in milliseconds.
func lifetime(rng *rand.Rand) int64 {
	mean := 3 * time.Minute
	if rng.IntN(3) == 0 {
		mean = time.Hour
	}
	life := 20*time.Second + time.Duration(rng.ExpFloat64()*float64(mean))
	return min(life, MaxLifetime).Milliseconds()
}

// Served returns how many requests each service really served.
func (f *Fleet) Served() map[string]int64 { return f.served }

// Unseen returns how many of them no scrape ever saw: those after a pod's last
// scrape. Nobody can count them.
func (f *Fleet) Unseen() map[string]int64 { return f.unseen }

// Seen returns how many requests of a service the scrapes in (from, to] show.
func (f *Fleet) Seen(service string, from, to time.Time) int64 {
	var sum int64
	for t, n := range f.seen[service] {
		if t > from.UnixMilli() && t <= to.UnixMilli() {
			sum += n
		}
	}
	return sum
}

// Run plays the fleet and hands over every round of scrapes, in order of time,
// until the last pod has ended. It may run once.
func (f *Fleet) Run(emit func(at time.Time, series []ingesttest.Series) error) error {
	slices.SortFunc(f.pods, func(a, b *pod) int { return int(a.born - b.born) })
	step := f.cfg.Scrape.Milliseconds()
	alive, next := []*pod(nil), 0
	for tick := int64(0); next < len(f.pods) || len(alive) > 0; tick += step {
		for next < len(f.pods) && f.pods[next].born < tick {
			alive = append(alive, f.pods[next])
			next++
		}
		var series []ingesttest.Series
		alive = slices.DeleteFunc(alive, func(p *pod) bool {
			series = append(series, f.scrape(p, tick+p.phase, step)...)
			return p.gone
		})
		if len(series) == 0 {
			continue
		}
		if err := emit(f.cfg.Start.Add(time.Duration(tick)*time.Millisecond), series); err != nil {
			return err
		}
	}
	return nil
}

// scrape advances the pod to the instant at and returns what a scrape of it
// shows then.
func (f *Fleet) scrape(p *pod, at, step int64) []ingesttest.Series {
	last := at+step > p.ends
	if p.gone || p.quiet > at && !last {
		p.serve(f, at, step)
		return nil
	}
	if p.scraped && at > p.ends {
		return f.end(p, at)
	}
	p.serve(f, at, step)
	out := p.series(f.cfg.Start, at)
	f.note(p, at)
	p.scraped = true
	p.maybeFail(at, step)
	if last && !p.leaky {
		// It serves nothing more, and is gone by the next round.
		p.ends = at
	}
	return out
}

// serve adds what the pod served since it was last advanced.
func (p *pod) serve(f *Fleet, at, step int64) {
	n := int64(0)
	switch {
	case !p.scraped && p.count == 0:
		n = p.rng.Int64N(300) // Born of a burst.
	case p.rng.IntN(3) > 0:
		n = p.rng.Int64N(40)
	}
	p.count += n
	p.unreported += n
	p.seconds += float64(n) * 0.0375
	f.served[p.service] += n
}

// note books what a scrape shows.
func (f *Fleet) note(p *pod, at int64) {
	if f.seen[p.service] == nil {
		f.seen[p.service] = map[int64]int64{}
	}
	f.seen[p.service][f.cfg.Start.UnixMilli()+at] += p.unreported
	p.unreported = 0
}

// maybeFail lets the process restart, or scrapes of it fail for a while, both
// right after a scrape, so that nothing is lost without being known.
func (p *pod) maybeFail(at, step int64) {
	switch p.rng.IntN(150) {
	case 0:
		// Where nobody tells the start, a restart shows only as a fall.
		if p.told || p.count > 400 {
			p.count, p.seconds, p.started = 0, 0, at+1
		}
	case 1:
		p.quiet = at + step*(4+p.rng.Int64N(76))
	}
}

// end finishes the pod, and writes stale markers when the sender does.
func (f *Fleet) end(p *pod, at int64) []ingesttest.Series {
	p.gone = true
	if p.leaky {
		n := 1 + p.rng.Int64N(40)
		f.served[p.service] += n
		f.unseen[p.service] += n
	}
	if !p.marks {
		return nil
	}
	out := p.series(f.cfg.Start, at)
	for i := range out {
		out[i].Samples[0].V = math.Float64frombits(value.StaleNaN)
	}
	return out
}

// series are the pod's series with one sample each.
func (p *pod) series(start time.Time, at int64) []ingesttest.Series {
	t := start.UnixMilli() + at
	one := func(v float64, labels ...string) ingesttest.Series {
		base := []string{"pod", p.name, "revision", p.revision, "service", p.service}
		return ingesttest.Series{
			Labels:  append([]string{"__name__", labels[0]}, append(labels[1:], base...)...),
			Samples: []ingest.Sample{{T: t, V: v}},
		}
	}
	failed := p.count / 16
	out := []ingesttest.Series{
		one(float64(p.count-failed), "fn_requests_total", "code", "200"),
		one(float64(failed), "fn_requests_total", "code", "500"),
		one(p.seconds, "fn_request_duration_seconds_sum"),
		one(float64(64+p.count%64)*(1<<20), "fn_memory_usage_bytes"),
	}
	if p.told {
		out = append(out, one(float64(start.UnixMilli()+p.started)/1000, "process_start_time_seconds"))
	}
	return out
}
