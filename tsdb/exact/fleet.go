package exact

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"invoq"
	"invoq/ingest"
)

// clone returns a key that shares no memory with the labels it was read from.
func clone(k invoq.ServiceKey) invoq.ServiceKey {
	return invoq.ServiceKey{
		Tenant:    invoq.TenantName(strings.Clone(string(k.Tenant))),
		Namespace: strings.Clone(k.Namespace),
		Service:   strings.Clone(k.Service),
	}
}

// Source says which series count a service: a profile and a metric prefix.
type Source struct {
	Profile, Prefix string
}

// String returns profile/prefix, the form ParseSource reads.
func (s Source) String() string { return s.Profile + "/" + s.Prefix }

// ParseSource reads what String wrote.
func ParseSource(s string) Source {
	profile, prefix, _ := strings.Cut(s, "/")
	return Source{profile, prefix}
}

// service is a service met in this computation.
type service struct {
	key    invoq.ServiceKey
	source Source // zero until its first series is counted
}

// revision collects what one revision used, slot by slot.
type revision struct {
	service *service
	name    string
	slots   []slot
	pods    map[string]*pod
	// chosen is what fills each role, by role name.
	chosen map[string]choice
}

// choice is a family of a profile's role, and the prefix it was met with.
type choice struct {
	family int
	prefix string
}

// slot is one five-minute window of a revision, in integer units.
type slot struct {
	invocations, errors, coldStarts int64 // thousandths
	assumed                         int64 // thousandths
	durationNs, cpuNs, unmeasuredNs int64
	// byteNs is twice Σ duration growth × memory: the mean of two gauges
	// without its halving.
	byteNs   uint128
	latency  invoq.Latency
	maxBytes int64
	gapMs    int64
	seen     bool // a sample of the revision lies in the slot
}

// pod is one instance of a revision.
type pod struct {
	node *node
	// memory is the pod's own gauge; nil means the node's.
	memory *gauge
	times  []int64 // of samples of its invocation counters, unsorted
	stale  int64   // its last stale marker
	// firstSeen is its first sample ever; bornAt the same if that was a birth.
	firstSeen, bornAt int64
	buckets           map[float64][]int64 // growth by slot, by upper bound in ms
}

// node is what a pod name or an instance stands for in series that know no
// service: a process start, a container's memory and CPU.
type node struct {
	starts []point
	memory gauge
	// owners are the revisions whose pods run here. With more than one,
	// nothing joined by pod can be told apart, and nothing is.
	owners []*revision
}

// point is one value of a gauge at a time in milliseconds.
type point struct {
	t int64
	v float64
}

// owner returns the one revision whose pods run here, or nil.
func (n *node) owner() *revision {
	if len(n.owners) == 1 {
		return n.owners[0]
	}
	return nil
}

// own notes that a pod of the revision runs here.
func (n *node) own(r *revision) {
	if slices.Contains(n.owners, r) {
		return
	}
	n.owners = append(n.owners, r)
}

// startAt returns when the process running at t began, in milliseconds, or 0:
// by the last start told at or before t, else the first one after it.
func (n *node) startAt(t int64) int64 {
	start := 0.0
	for _, p := range n.starts {
		if p.t > t && start != 0 {
			break
		}
		start = p.v
	}
	return int64(start * 1000)
}

// Labels under which series that name no service name their pod.
var (
	nodeNamespaces = []string{
		"namespace", "namespace_name", "k8s_namespace_name", "kubernetes_namespace", "exported_namespace",
	}
	nodePods = []string{"pod", "pod_name", "k8s_pod_name", "service_instance_id", "instance"}
)

// nodeKey joins with a byte that no valid UTF-8 holds, so no two keys are alike.
func nodeKey(tenant, namespace, pod string) string {
	return tenant + "\xff" + namespace + "\xff" + pod
}

// joinKey returns the key of the node that a series without a service is about.
func joinKey(ls labels.Labels) string {
	return nodeKey(ls.Get(ingest.TenantLabel), first(ls, nodeNamespaces), first(ls, nodePods))
}

// fleet is everything met in one computation.
type fleet struct {
	slots     int
	services  map[invoq.ServiceKey]*service
	revisions map[revisionKey]*revision
	nodes     map[string]*node
	order     []*revision
}

// revisionKey tells revisions of all services apart.
type revisionKey struct {
	service  *service
	revision string
}

// newFleet returns an empty fleet whose revisions have so many slots.
func newFleet(slots int) *fleet {
	return &fleet{
		slots:     slots,
		services:  map[invoq.ServiceKey]*service{},
		revisions: map[revisionKey]*revision{},
		nodes:     map[string]*node{},
	}
}

// node returns the node of a key, made when it is new.
func (f *fleet) node(key string) *node {
	n := f.nodes[key]
	if n == nil {
		n = &node{}
		f.nodes[key] = n // The key was built anew; it shares no memory.
	}
	return n
}

// revisionOf returns the revision that a series belongs to.
func (f *fleet) revisionOf(p *Profile, prefix string, ls labels.Labels) *revision {
	name := first(ls, p.Service)
	if name == "" {
		name = prefix // A metric such as waiter_requests_total names its service.
	}
	if name == "" {
		name = "unknown"
	}
	key := invoq.ServiceKey{
		Tenant: invoq.TenantName(
			ls.Get(ingest.TenantLabel),
		),
		Namespace: first(ls, p.Namespace),
		Service:   name,
	}
	// Labels may point into a file that is unmapped once the reader is closed:
	// what is kept is cloned.
	s := f.services[key]
	if s == nil {
		key = clone(key)
		s = &service{key: key}
		f.services[key] = s
	}
	rev := first(ls, p.Revision)
	if rev == "" {
		rev = invoq.DefaultRevision
	}
	r := f.revisions[revisionKey{s, rev}]
	if r == nil {
		rev = strings.Clone(rev)
		r = &revision{
			service: s, name: rev,
			slots:  make([]slot, f.slots),
			pods:   map[string]*pod{},
			chosen: map[string]choice{},
		}
		f.revisions[revisionKey{s, rev}] = r
		f.order = append(f.order, r)
	}
	return r
}

// podOf returns the pod of the revision that a series belongs to.
func (f *fleet) podOf(r *revision, p *Profile, ls labels.Labels) *pod {
	name := first(ls, p.Pod)
	if known := r.pods[name]; known != nil {
		return known
	}
	n := f.node(nodeKey(string(r.service.key.Tenant), r.service.key.Namespace, name))
	n.own(r)
	d := &pod{node: n}
	r.pods[strings.Clone(name)] = d
	return d
}

// accepts reports whether the use counts for the revision: its service is (or
// now becomes) counted by the use's profile and prefix, and no preferred family
// fills the role already. Loosely, another prefix of the profile may fill a
// role that the service's own prefix leaves empty.
func (r *revision) accepts(role role, u use, loosely bool) bool {
	s := r.service
	if s.source == (Source{}) {
		s.source = Source{u.profile.Name, u.prefix}
	}
	if s.source.Profile != u.profile.Name {
		return false
	}
	// A family known by its whole name goes with any prefix.
	foreign := u.family.Name == "" && u.prefix != s.source.Prefix
	if foreign && !loosely {
		return false
	}
	filled := choice{u.choice, u.prefix}
	chosen, ok := r.chosen[role.name]
	if !ok {
		r.chosen[role.name] = filled
		return true
	}
	return chosen == filled
}

// uint128 is an unsigned integer of 128 bits; sums beyond it wrap, which takes
// an exabyte of memory for a century.
type uint128 struct{ hi, lo uint64 }

// addProduct adds a × b, exactly.
func (u *uint128) addProduct(a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	var carry uint64
	u.lo, carry = bits.Add64(u.lo, lo, 0)
	u.hi, _ = bits.Add64(u.hi, hi, carry)
}
