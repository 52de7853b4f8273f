package exact

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq"
	"invoq/ingest"
)

// slotMs is the length of a five-minute window in milliseconds.
const slotMs = int64(5 * 60 * 1000)

// startMetric tells when a target's process began, in seconds since 1970.
const startMetric = "process_start_time_seconds"

// Request says what to compute.
type Request struct {
	// Interval is aligned to five minutes.
	Interval invoq.Interval
	// Until is the time up to which samples may be expected to have come; a
	// pod silent long before it has ended. Zero means the newest sample.
	Until time.Time
	// Tenants restricts the computation; empty means all.
	Tenants []invoq.TenantName
	// Sources are the services' sources chosen before; services not in it
	// choose theirs by the order of the profiles.
	Sources map[invoq.ServiceKey]Source
	// MemoryLimits are the configured limits of services in bytes, used where
	// no gauge is known.
	MemoryLimits map[invoq.ServiceKey]int64
	// Watched is when each tenant's first sample came; a tenant that is not in
	// it is watched since the interval's start.
	Watched map[invoq.TenantName]int64
	// SkipFirstSight makes first samples without a start count nothing while
	// their tenant is newly watched.
	SkipFirstSight bool
}

// Result is what a computation found.
type Result struct {
	// Rows are five-minute windows, sorted by tenant, namespace, service,
	// revision and time; their tenants have names and no ids yet. A
	// revision has a row for every window in which it had samples, usage or a
	// gap.
	Rows []invoq.Usage
	// Sources are the sources of all services met.
	Sources map[invoq.ServiceKey]Source
}

// Compute counts the usage of all revisions in the interval.
func Compute(ctx context.Context, samples Samples, profiles Profiles, req Request) (Result, error) {
	from, to := req.Interval.Start.UnixMilli(), req.Interval.End.UnixMilli()
	if from >= to || from%slotMs != 0 || to%slotMs != 0 {
		return Result{}, invoq.Errorf(
			invoq.KindUnprocessable,
			"interval %s is not made of five-minute windows",
			req.Interval,
		)
	}
	tenants, err := tenantMatchers(req.Tenants)
	if err != nil {
		return Result{}, err
	}
	r, err := openReader(samples, from, to, tenants)
	if err != nil {
		return Result{}, err
	}
	c := &computation{
		ctx: ctx, req: req, reader: r, profiles: profiles,
		fleet: newFleet(int((to - from) / slotMs)),
	}
	for key, source := range req.Sources {
		c.fleet.services[key] = &service{key: key, source: source}
	}
	err = c.run()
	if e := r.close(); err == nil {
		err = e
	}
	if err != nil {
		return Result{}, fmt.Errorf("compute windows %s: %w", req.Interval, err)
	}
	return c.result(), nil
}

// tenantMatchers selects the series of the named tenants; of everybody when none is
// named.
func tenantMatchers(names []invoq.TenantName) ([]*labels.Matcher, error) {
	if len(names) == 0 {
		return nil, nil
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = regexp.QuoteMeta(string(n))
	}
	m, err := labels.NewMatcher(labels.MatchRegexp, ingest.TenantLabel, strings.Join(quoted, "|"))
	if err != nil {
		return nil, fmt.Errorf("match tenants: %w", err)
	}
	return []*labels.Matcher{m}, nil
}

// computation is one run of Compute.
type computation struct {
	ctx      context.Context
	req      Request
	reader   *reader
	profiles Profiles
	fleet    *fleet
	// newest is the time of the newest sample met, milliseconds.
	newest int64
}

// run reads family after family, in the order in which they need one another:
// memory before the durations that are multiplied by it.
func (c *computation) run() error {
	metrics, err := c.reader.metrics(c.ctx)
	if err != nil {
		return err
	}
	if err := c.readStarts(); err != nil {
		return err
	}
	if err := c.readMemory(metrics); err != nil {
		return err
	}
	for _, count := range []struct {
		role role
		read func(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error
	}{
		{invocationsRole, c.invocations},
		{durationRole, c.duration},
		{latencyRole, c.latency},
		{cpuRole, c.cpu},
		{coldStartsRole, c.coldStarts},
		{errorsRole, c.errors},
	} {
		if err := c.read(count.role, metrics, count.read); err != nil {
			return err
		}
	}
	c.countPods()
	c.foldLatency()
	c.countGaps()
	return nil
}

// read visits every series that fills the role: first those of each service's
// own prefix, then others for services that had none.
func (c *computation) read(
	role role, metrics []string,
	count func(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error,
) error {
	uses := c.profiles.uses(role, metrics)
	for _, loosely := range []bool{false, true} {
		var foreign []use
		for _, u := range uses {
			turnedAway := false
			err := c.reader.series(c.ctx, u.metric, func(ls labels.Labels, it chunkenc.Iterator) error {
				if !u.counts(ls) {
					return nil
				}
				r, d := c.whose(u, ls)
				if r == nil {
					return nil
				}
				if !r.accepts(role, u, loosely) {
					turnedAway = true
					return nil
				}
				return count(u, r, d, ls, it)
			})
			if err != nil {
				return err
			}
			if turnedAway && u.prefix != "" && !role.requests {
				foreign = append(foreign, u)
			}
		}
		uses = foreign
	}
	return nil
}

// whose returns the revision and pod that a series belongs to; nil for a
// joined series whose pod runs nothing that is counted, or more than one thing.
func (c *computation) whose(u use, ls labels.Labels) (*revision, *pod) {
	if !u.family.Join {
		r := c.fleet.revisionOf(u.profile, u.prefix, ls)
		return r, c.fleet.podOf(r, u.profile, ls)
	}
	n := c.fleet.nodes[joinKey(ls)]
	if n == nil || n.owner() == nil {
		return nil, nil
	}
	r := n.owner()
	for _, d := range r.pods {
		if d.node == n {
			return r, d
		}
	}
	return nil, nil
}

// readStarts learns when each target's process began.
func (c *computation) readStarts() error {
	return c.reader.series(c.ctx, startMetric, func(ls labels.Labels, it chunkenc.Iterator) error {
		n := c.fleet.node(joinKey(ls))
		for it.Next() == chunkenc.ValFloat {
			t, v := it.At()
			changed := len(n.starts) == 0 || n.starts[len(n.starts)-1].v != v
			if !value.IsStaleNaN(v) && v > 0 && changed {
				n.starts = append(n.starts, point{t, v})
			}
		}
		return nil
	})
}

// readMemory collects the memory gauges: those that name their service with
// the pod, those that are joined with the node.
func (c *computation) readMemory(metrics []string) error {
	for _, u := range c.profiles.uses(memoryRole, metrics) {
		rank := 1 + u.rank*len(u.profile.Memory) + u.choice
		err := c.reader.series(c.ctx, u.metric, func(ls labels.Labels, it chunkenc.Iterator) error {
			if !u.counts(ls) {
				return nil
			}
			g := c.gaugeFor(u, ls)
			if g.choice != 0 && g.choice != rank {
				return nil
			}
			g.choice = rank
			for it.Next() == chunkenc.ValFloat {
				g.add(it.At())
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// gaugeFor returns the memory that a series tells of: a pod's own, or that of the
// node it is joined to by its name.
func (c *computation) gaugeFor(u use, ls labels.Labels) *gauge {
	if u.family.Join {
		return &c.fleet.node(joinKey(ls)).memory
	}
	r := c.fleet.revisionOf(u.profile, u.prefix, ls)
	d := c.fleet.podOf(r, u.profile, ls)
	if d.memory == nil {
		d.memory = &gauge{}
	}
	return d.memory
}

// walk follows a counter through the interval. It calls each for every step
// that lies in it, with the slot that the step belongs to.
func (c *computation) walk(
	s scale, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator, each func(step, *slot),
) error {
	ct := counter{scale: s, births: c.births(r)}
	first := true
	for it.Next() == chunkenc.ValFloat {
		v := sampleAt(it)
		if value.IsStaleNaN(v.v) {
			d.stale = max(d.stale, v.t)
			c.newest = max(c.newest, v.t)
			continue
		}
		if v.start == 0 && len(d.node.starts) > 0 {
			v.start = d.node.startAt(v.t)
		}
		c.newest = max(c.newest, v.t)
		if first && v.t > c.reader.from {
			last, ok, err := c.reader.before(c.ctx, ls)
			if err != nil {
				return err
			}
			if ok {
				ct.resume(last)
			}
		}
		first = false
		st, ok := ct.next(v)
		if ok && v.t > c.reader.from {
			each(st, &r.slots[(v.t-1-c.reader.from)/slotMs])
		}
	}
	return nil
}

// births returns what decides whether a first sample counts from zero.
func (c *computation) births(r *revision) births {
	watched, ok := c.req.Watched[r.service.key.Tenant]
	if !ok {
		watched = c.reader.from
	}
	return births{watched: watched, skipFirstSight: c.req.SkipFirstSight}
}

// invocations counts requests. Its steps also date the pod: when it was first
// seen, and when it was scraped.
func (c *computation) invocations(_ use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	seen := false
	return c.walk(perCount, r, d, ls, it, func(st step, s *slot) {
		s.seen = true
		s.invocations += st.growth
		if st.born == bornAssumed {
			s.assumed += st.growth
		}
		if !seen {
			d.meet(st)
			seen = true
			if st.from != 0 {
				d.times = append(d.times, st.from)
			}
		}
		d.times = append(d.times, st.t)
	})
}

// meet notes a series' first step in the interval: the pod is new when all of
// its series are, and was not there before anybody watched.
func (d *pod) meet(st step) {
	at, born := st.t, st.born != bornBefore
	if st.born == bornNot {
		at, born = st.from, false
	}
	switch {
	case d.firstSeen == 0 || at < d.firstSeen:
		d.firstSeen, d.bornAt = at, 0
		if born {
			d.bornAt = at
		}
	case at == d.firstSeen && !born:
		d.bornAt = 0
	}
}

// duration counts the time spent in requests, and multiplies every step of it by
// the memory held over that step. Where no memory was seen, the limit that was
// set for the service stands in; without one the time is noted as unmeasured.
func (c *computation) duration(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	g := d.memory
	if g == nil {
		g = &d.node.memory
		if d.node.owner() == nil {
			g = nil
		}
	}
	limit := c.req.MemoryLimits[r.service.key]
	return c.walk(u.family.timeScale(), r, d, ls, it, func(st step, s *slot) {
		s.seen = true
		s.durationNs += st.growth
		if st.growth == 0 {
			return
		}
		twice, most, ok := g.over(st.from, st.t)
		switch {
		case ok:
			s.maxBytes = max(s.maxBytes, most)
		case limit > 0:
			twice = 2 * limit
		default:
			s.unmeasuredNs += st.growth
		}
		s.byteNs.addProduct(uint64(st.growth), uint64(twice))
	})
}

// latency counts one bucket of a histogram, slot by slot.
func (c *computation) latency(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	upper, err := strconv.ParseFloat(ls.Get(labels.BucketLabel), 64)
	if err != nil || math.IsNaN(upper) {
		return nil // Not a bucket of a histogram.
	}
	upperMs := upper * float64(u.family.timeScale()) / float64(perMillisecond)
	if d.buckets == nil {
		d.buckets = map[float64][]int64{}
	}
	if d.buckets[upperMs] == nil {
		d.buckets[upperMs] = make([]int64, len(r.slots))
	}
	counts := d.buckets[upperMs]
	return c.walk(perCount, r, d, ls, it, func(st step, _ *slot) {
		counts[(st.t-1-c.reader.from)/slotMs] += st.growth
	})
}

// cpu counts the time on a processor.
func (c *computation) cpu(u use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	return c.walk(u.family.timeScale(), r, d, ls, it, func(st step, s *slot) { s.cpuNs += st.growth })
}

// coldStarts counts starts, for profiles that have a counter of them.
func (c *computation) coldStarts(_ use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	return c.walk(perCount, r, d, ls, it, func(st step, s *slot) { s.coldStarts += st.growth })
}

// errors counts requests that failed, as the profile tells them apart.
func (c *computation) errors(_ use, r *revision, d *pod, ls labels.Labels, it chunkenc.Iterator) error {
	return c.walk(perCount, r, d, ls, it, func(st step, s *slot) { s.errors += st.growth })
}

// countPods counts the pods that appeared as cold starts, for profiles that
// have no counter of them.
func (c *computation) countPods() {
	byPods := map[string]bool{}
	for _, p := range c.profiles {
		for _, f := range p.ColdStarts {
			byPods[p.Name] = byPods[p.Name] || f.Pods
		}
	}
	for _, r := range c.fleet.order {
		if _, counted := r.chosen[coldStartsRole.name]; counted || !byPods[r.service.source.Profile] {
			continue
		}
		for _, d := range r.pods {
			if d.bornAt > c.reader.from {
				r.slots[(d.bornAt-1-c.reader.from)/slotMs].coldStarts += int64(perCount)
			}
		}
	}
}

// foldLatency turns the pods' cumulative buckets into the revisions' counts.
// It is done pod by pod, since pods may differ in their buckets' bounds.
func (c *computation) foldLatency() {
	for _, r := range c.fleet.order {
		for _, d := range r.pods {
			d.foldLatency(r.slots)
		}
	}
}

// usualPause returns the median pause between two samples of a pod, over all
// pods, in milliseconds.
func (c *computation) usualPause() int64 {
	var all []int64
	for _, r := range c.fleet.order {
		for _, d := range r.pods {
			d.settle()
			all = d.pauses(all)
		}
	}
	return median(all, defaultInterval)
}

// countGaps spreads the pods' unseen stretches over the slots.
func (c *computation) countGaps() {
	from := c.reader.from
	until := min(c.reader.to, max(c.newest, c.req.Until.UnixMilli()))
	usual := c.usualPause()
	for _, r := range c.fleet.order {
		for _, d := range r.pods {
			d.gaps(until, usual, func(begin, end int64) {
				for t := max(begin, from); t < end; {
					i := (t - from) / slotMs
					if i >= int64(len(r.slots)) {
						return
					}
					next := min(end, from+(i+1)*slotMs)
					r.slots[i].gapMs += next - t
					t = next
				}
			})
		}
	}
}
