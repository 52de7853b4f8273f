package exact

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq"
	"invoq/ingest"
)

// Workers says which pods run the functions that a gateway counts: the series of
// the name stand for pods, and one of their labels names the function.
type Workers struct {
	Name string `yaml:"name"`
	// Service is the label with the function's name; Namespace are labels of its
	// namespace, the first that is not empty counts.
	Service   string   `yaml:"service"`
	Namespace []string `yaml:"namespace"`
}

// worker is a pod that runs a function which is counted in front of it.
type worker struct {
	pod *pod
	// since and until are the first and last sample that say so, milliseconds.
	since, until int64
}

// findWorkers learns which pods run the functions that gateways count, once it
// is known which those are.
func (c *computation) findWorkers() error {
	for _, p := range c.profiles {
		for _, w := range p.Workers {
			err := c.reader.series(c.ctx, w.Name, func(ls labels.Labels, it chunkenc.Iterator) error {
				r := c.workedFor(p, w, ls)
				if r == nil {
					return nil
				}
				since, until := int64(0), int64(0)
				for it.Next() != chunkenc.ValNone {
					if until = it.AtT(); since == 0 {
						since = until
					}
				}
				if until != 0 {
					r.work(c.fleet.node(joinKey(ls)), since, until)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// workedFor returns the revision whose function the pod of a series runs, or nil.
// Pods do not say of which revision they are: where there are several it is the
// default one.
func (c *computation) workedFor(p *Profile, w Workers, ls labels.Labels) *revision {
	name := ls.Get(w.Service)
	if name == "" {
		return nil
	}
	key := invoq.ServiceKey{
		Tenant:    invoq.TenantName(ls.Get(ingest.TenantLabel)),
		Namespace: shortName(first(ls, w.Namespace)), Service: shortName(name),
	}
	s := c.fleet.services[key]
	if s == nil || !s.counted || s.group != p.group() {
		return nil
	}
	var of []*revision
	for _, r := range c.fleet.order {
		if r.service == s && r.counts(invocationsRole, nil) {
			of = append(of, r)
		}
	}
	if len(of) == 1 {
		return of[0]
	}
	return c.fleet.revision(s, invoq.DefaultRevision)
}

// work notes that the node runs the revision's function.
func (r *revision) work(n *node, since, until int64) {
	i := slices.IndexFunc(r.workers, func(w worker) bool { return w.pod.node == n })
	if i >= 0 {
		w := &r.workers[i]
		w.since, w.until = min(w.since, since), max(w.until, until)
		return
	}
	r.workers = append(r.workers, worker{&pod{node: n}, since, until})
	n.own(r)
}

// workerOn returns the worker of the revision on the node, or nil.
func (r *revision) workerOn(n *node) *pod {
	for _, w := range r.workers {
		if w.pod.node == n {
			return w.pod
		}
	}
	return nil
}

// memoryOver is gauge.over for the function that a gateway counts: the mean over
// its pods, since nobody says which of them served.
func (r *revision) memoryOver(from, t int64) (twice, most int64, ok bool) {
	var sum, pods int64
	for _, w := range r.workers {
		if w.pod.node.owner() != r {
			continue // It runs something else, too.
		}
		two, top, known := w.pod.node.memory.over(from, t)
		if known {
			sum, most, pods = sum+two, max(most, top), pods+1
		}
	}
	if pods == 0 {
		return 0, 0, false
	}
	return sum / pods, most, true
}

// countPodTime counts, for profiles that know no durations, the time that
// functions' pods were there, and the memory that they held. A step between two
// samples of a pod's memory belongs to the instant of the second, as a counter's
// does; where one lies more than GaugeAge behind, nothing is known and nothing
// counted.
func (c *computation) countPodTime() {
	byTime := map[string]bool{}
	for _, p := range c.profiles {
		byTime[p.Name] = slices.ContainsFunc(p.Duration, func(f Family) bool { return f.Pods })
	}
	for _, r := range c.fleet.order {
		if !byTime[r.service.source.Profile] || r.counts(durationRole, nil) {
			continue
		}
		for _, w := range r.workers {
			if w.pod.node.owner() == r {
				c.podTime(r, w)
			}
		}
	}
}

// podTime counts the time and memory of one pod.
func (c *computation) podTime(r *revision, w worker) {
	g := &w.pod.node.memory
	g.settle()
	for i := 1; i < len(g.points); i++ {
		a, b := g.points[i-1], g.points[i]
		known := a.v != ended && b.v != ended && b.t-a.t <= GaugeAge.Milliseconds()
		its := b.t > w.since && a.t <= w.until
		if !known || !its || b.t <= c.reader.from || b.t > c.reader.to {
			continue
		}
		s := &r.slots[(b.t-1-c.reader.from)/slotMs]
		s.seen = true
		ns := (b.t - a.t) * int64(perMillisecond)
		s.durationNs.add(ns)
		s.byteNs.addProduct(uint64(ns), uint64(a.v)+uint64(b.v))
		s.maxBytes = max(s.maxBytes, int64(a.v), int64(b.v))
		c.newest = max(c.newest, b.t)
	}
}
