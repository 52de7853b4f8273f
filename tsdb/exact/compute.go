package exact

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq"
	"invoq/ingest"
)

// slotMs is the length of a five-minute window in milliseconds.
const slotMs = int64(5 * 60 * 1000)

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
	// Chosen says which source the operator has chosen for a service, and false
	// for none. It goes before Sources. Nil chooses nothing.
	Chosen func(invoq.ServiceKey) (Source, bool)
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
	// Uncounted are services of which only series were met that their source
	// does not count, with what would count them.
	Uncounted map[invoq.ServiceKey]Source
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
		fleet: newFleet(int((to - from) / slotMs)), turnedAway: map[invoq.ServiceKey]Source{},
	}
	c.fleet.chosen = func(key invoq.ServiceKey) (Source, string) {
		if req.Chosen == nil {
			return Source{}, ""
		}
		source, ok := req.Chosen(key)
		if !ok {
			return Source{}, ""
		}
		return source, profiles.groupOf(source.Profile)
	}
	for key, source := range req.Sources {
		s := &service{key: key, source: source, group: profiles.groupOf(source.Profile)}
		s.choose(c.fleet.chosen(key))
		c.fleet.services[key] = s
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

// Tenants returns the names of all tenants that have samples.
func Tenants(ctx context.Context, samples Samples) ([]invoq.TenantName, error) {
	q, err := samples.Querier(0, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("open querier: %w", err)
	}
	defer q.Close()
	names, _, err := q.LabelValues(ctx, ingest.TenantLabel, nil)
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	all := make([]invoq.TenantName, len(names))
	for i, n := range names {
		all[i] = invoq.TenantName(strings.Clone(n)) // It may point into a mapped file.
	}
	return all, nil
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
	// infos are the labels of target_info, by tenant, job and instance.
	infos map[string]labels.Labels
	// newest is the time of the newest sample met, milliseconds.
	newest int64
	// turnedAway are services with series that their source does not count.
	turnedAway map[invoq.ServiceKey]Source
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
	if err := c.readInfos(); err != nil {
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
		if count.role.name == invocationsRole.name {
			if err := c.findWorkers(); err != nil {
				return err
			}
		}
	}
	c.countPodTime()
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
				known := c.informed(u, ls)
				if !u.counts(known) {
					return nil
				}
				r, d := c.whose(u, known)
				if r == nil {
					return nil
				}
				if d.followsOther(u.profile) {
					return nil
				}
				if !r.accepts(role, u, loosely) {
					turnedAway = true
					if role.name == invocationsRole.name {
						c.turnedAway[r.service.key] = Source{u.profile.Name, strings.Clone(u.prefix)}
					}
					return nil
				}
				if role.name == invocationsRole.name {
					d.profile = u.profile
					d.node.own(r)
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
	if d := r.workerOn(n); d != nil {
		return r, d
	}
	return nil, nil
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
