package tsdb

import (
	"maps"
	"strings"
	"sync"

	"invoq"
	"invoq/ingest"
)

// maxFamilies bounds the metric families described for one tenant.
const maxFamilies = 20_000

// metadataStore keeps the newest description of each metric family. It is
// memory only: senders repeat it every minute.
type metadataStore struct {
	mu       sync.RWMutex
	byTenant map[invoq.TenantName]map[string]ingest.Metadata
}

// newMetadataStore returns an empty store.
func newMetadataStore() *metadataStore {
	return &metadataStore{byTenant: map[invoq.TenantName]map[string]ingest.Metadata{}}
}

// describe remembers what a sender said with one series of a metric. The
// strings of d may change when the request is over.
func (m *metadataStore) describe(tenant invoq.TenantName, metric string, d ingest.Metadata) {
	m.put(tenant, []ingest.Metadata{{
		Family: strings.Clone(familyOf(metric, d.Type)),
		Type:   d.Type, Help: strings.Clone(d.Help), Unit: strings.Clone(d.Unit),
	}})
}

// familyOf returns the family of a metric: of the series of a classic histogram
// or summary the name without what they add to it.
func familyOf(metric, kind string) string {
	if kind != "histogram" && kind != "gaugehistogram" && kind != "summary" {
		return metric
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if family, ok := strings.CutSuffix(metric, suffix); ok {
			return family
		}
	}
	return metric
}

// put remembers what a sender said of its metrics, up to the limit of a tenant.
func (m *metadataStore) put(tenant invoq.TenantName, all []ingest.Metadata) {
	m.mu.Lock()
	defer m.mu.Unlock()
	families := m.byTenant[tenant]
	if families == nil {
		families = map[string]ingest.Metadata{}
		m.byTenant[tenant] = families
	}
	for _, d := range all {
		if _, known := families[d.Family]; known || len(families) < maxFamilies {
			families[d.Family] = d
		}
	}
}

// Metadata returns what is known about the tenant's metric families, by name;
// an empty tenant means all tenants. The caller owns the map.
func (s *Store) Metadata(tenant invoq.TenantName) map[string]ingest.Metadata {
	s.meta.mu.RLock()
	defer s.meta.mu.RUnlock()
	all := map[string]ingest.Metadata{}
	for name, families := range s.meta.byTenant {
		if tenant != "" && name != tenant {
			continue
		}
		maps.Copy(all, families)
	}
	return all
}
