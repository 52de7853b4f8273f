package tsdb

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"invoq"
	"invoq/ingest"
)

// maxRefusalTenants bounds how many tenants' refusals are remembered.
const maxRefusalTenants = 10_000

// Refusal says how many values of a tenant were refused for one reason since
// the server started.
type Refusal struct {
	// Tenant is empty where the labels that would name it could not be read.
	Tenant invoq.TenantName
	Reason ingest.Reason
	Count  int64
	// Example describes the first of the last request, and Last is its time.
	Example string
	Last    time.Time
}

// refusals remembers what was refused, so that a tenant can see what its bill
// lacks. It is memory only.
type refusals struct {
	mu sync.Mutex
	by map[invoq.TenantName]map[ingest.Reason]*Refusal
}

// newRefusals returns an empty memory.
func newRefusals() *refusals {
	return &refusals{by: map[invoq.TenantName]map[ingest.Reason]*Refusal{}}
}

// add remembers what a request had refused. Beyond the most tenants that are
// remembered, what is new goes to nobody's.
func (r *refusals) add(tenant invoq.TenantName, rejected *ingest.Rejections, now time.Time) {
	if rejected.Total() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by[tenant] == nil && len(r.by) >= maxRefusalTenants {
		tenant = ""
	}
	if r.by[tenant] == nil {
		r.by[tenant] = map[ingest.Reason]*Refusal{}
	}
	for _, why := range ingest.Reasons() {
		n := rejected.Count(why)
		if n == 0 {
			continue
		}
		f := r.by[tenant][why]
		if f == nil {
			f = &Refusal{Tenant: tenant, Reason: why}
			r.by[tenant][why] = f
		}
		f.Count += int64(n)
		f.Example, f.Last = rejected.Example(why), now.UTC()
	}
}

// Refusals returns what was refused since the start, by tenant and reason; an
// empty tenant means everybody's.
func (s *Store) Refusals(tenant invoq.TenantName) []Refusal {
	s.refusals.mu.Lock()
	defer s.refusals.mu.Unlock()
	var all []Refusal
	for name, reasons := range s.refusals.by {
		if tenant != "" && name != tenant {
			continue
		}
		for _, f := range reasons {
			all = append(all, *f)
		}
	}
	slices.SortFunc(all, func(x, y Refusal) int {
		return cmp.Or(cmp.Compare(x.Tenant, y.Tenant), cmp.Compare(x.Reason, y.Reason))
	})
	return all
}
