package exact

import (
	"crypto/sha256"
	"encoding/hex"
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
	group  string // of the source's profile
	// counted is set once a series of its invocations is met.
	counted bool
}

// revision collects what one revision used, slot by slot.
type revision struct {
	service *service
	name    string
	slots   []slot
	pods    map[string]*pod
	// chosen is what fills each role of a profile.
	chosen map[place]choice
	// memoryBytes is what the labels of its invocations say, 0 for nothing.
	memoryBytes int64
	// riser is the pod whose gauge of replicas is read: others tell the same.
	riser *pod
	// workers are the pods that run the function, where a gateway counts it.
	workers []worker
}

// place is a role of a profile: pods of one revision may follow different
// profiles of a group, as while a cluster is upgraded.
type place struct{ role, profile string }

// choice is a family of a profile's role, and the prefix it was met with.
type choice struct {
	family int
	prefix string
}

// slot is one five-minute window of a revision, in integer units.
type slot struct {
	invocations, errors, coldStarts uint128 // thousandths
	assumed                         uint128 // thousandths
	durationNs, cpuNs, unmeasuredNs uint128
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
	// profile counts its invocations; nil until one does.
	profile *Profile
	// memory is the pod's own gauge; nil means the node's.
	memory *gauge
	times  []int64 // of samples of its invocation counters, unsorted
	stale  int64   // its last stale marker
	// firstSeen is its first sample ever; bornAt the same if that was a birth.
	firstSeen, bornAt int64
	buckets           map[float64][]int64 // growth by slot, by upper bound in ms
}

// node is what a pod name or an instance stands for in series that know no
// service: a container's memory and CPU.
type node struct {
	memory gauge
	// owners are the revisions whose invocations are counted here. With more
	// than one, nothing joined by pod can be told apart, and nothing is.
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

// followsOther reports whether the pod's requests are counted by another profile,
// or by one of another group under another service's name: what is behind a
// proxy that counts is not counted again.
func (d *pod) followsOther(p *Profile) bool {
	if d.profile != nil {
		return d.profile != p
	}
	return slices.ContainsFunc(d.node.owners, func(r *revision) bool { return r.service.group != p.group() })
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
	targets   targets
	order     []*revision
	// chosen says what the operator has chosen as a service's source, and its
	// group; nil when nothing was.
	chosen func(invoq.ServiceKey) (Source, string)
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
		targets:   targets{},
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
	namespace := first(ls, p.Namespace)
	if dot := strings.LastIndexByte(name, '.'); p.Dotted && dot > 0 {
		name, namespace = name[:dot], name[dot+1:]
	}
	key := invoq.ServiceKey{
		Tenant:    invoq.TenantName(ls.Get(ingest.TenantLabel)),
		Namespace: shortName(namespace),
		Service:   shortName(name),
	}
	// Labels may point into a file that is unmapped once the reader is closed:
	// what is kept is cloned.
	s := f.services[key]
	if s == nil {
		key = clone(key)
		s = &service{key: key}
		if f.chosen != nil {
			s.choose(f.chosen(key))
		}
		f.services[key] = s
	}
	rev := shortName(first(ls, p.Revision))
	if rev == "" {
		rev = invoq.DefaultRevision
	}
	return f.revision(s, rev)
}

// choose settles the service's source, where it is chosen.
func (s *service) choose(source Source, group string) {
	if source != (Source{}) {
		s.source, s.group = source, group
	}
}

// revision returns the revision of that name, made when it is new.
func (f *fleet) revision(s *service, rev string) *revision {
	r := f.revisions[revisionKey{s, rev}]
	if r == nil {
		rev = strings.Clone(rev)
		r = &revision{
			service: s, name: rev,
			slots:  make([]slot, f.slots),
			pods:   map[string]*pod{},
			chosen: map[place]choice{},
		}
		f.revisions[revisionKey{s, rev}] = r
		f.order = append(f.order, r)
	}
	return r
}

// shortName returns a name that can be stored: one that is too long keeps its
// beginning and becomes unlike others by a part of its hash.
func shortName(s string) string {
	if len(s) <= invoq.MaxNameBytes {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	tail := "~" + hex.EncodeToString(sum[:8])
	return strings.ToValidUTF8(s[:invoq.MaxNameBytes-len(tail)], "") + tail
}

// podOf returns the pod of the revision that a series belongs to.
func (f *fleet) podOf(r *revision, p *Profile, ls labels.Labels) *pod {
	name := first(ls, p.Pod)
	if known := r.pods[name]; known != nil {
		return known
	}
	key := nodeKey(string(r.service.key.Tenant), r.service.key.Namespace, name)
	if p.Gateway {
		// What is known of the pod that it names is not the function's.
		key = nodeKey(string(r.service.key.Tenant), r.service.key.Namespace, name+"\xff"+r.service.key.Service)
	}
	d := &pod{node: f.node(key)}
	r.pods[strings.Clone(name)] = d
	return d
}

// accepts reports whether the use counts for the revision: its service is (or
// now becomes) counted by the use's profile or one of its group, and no
// preferred family fills the role already. Loosely, another prefix of the
// profile may fill a role that the service's own prefix leaves empty.
func (r *revision) accepts(role role, u use, loosely bool) bool {
	s := r.service
	if s.source == (Source{}) {
		if u.profile.chosenAlone() {
			return false
		}
		s.source, s.group = Source{u.profile.Name, u.prefix}, u.profile.group()
	}
	if s.group != u.profile.group() {
		return false
	}
	// A family known by its whole name goes with any prefix.
	foreign := u.family.Name == "" && u.prefix != s.source.Prefix
	if foreign && !loosely {
		return false
	}
	at, filled := place{role.name, u.profile.Name}, choice{u.choice, u.prefix}
	chosen, ok := r.chosen[at]
	if !ok {
		r.chosen[at] = filled
		return true
	}
	return chosen == filled
}

// counts reports whether something fills the role for one of the profiles; nil
// means any of them.
func (r *revision) counts(role role, profiles map[string]bool) bool {
	for at := range r.chosen {
		if at.role == role.name && (profiles == nil || profiles[at.profile]) {
			return true
		}
	}
	return false
}
