package ingest

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"invoq"
)

// namespaceLabels are where emitters put the Kubernetes namespace.
var namespaceLabels = []string{"namespace", "namespace_name", "k8s_namespace_name", "exported_namespace"}

// Tenancy decides whose a series is when the key may write for all tenants and
// the request names none. The zero value is useful.
type Tenancy struct {
	// Namespaces maps a Kubernetes namespace to the tenant that owns it; "*"
	// as a tenant stands for the namespace's own name.
	Namespaces map[string]invoq.TenantName
	// Fallback owns what nothing else decides; empty means DefaultTenant.
	Fallback invoq.TenantName
}

// Resolve returns the tenant of a series: the one its tenant label names, else
// the one its namespace is mapped to (the entry "*" catches every namespace),
// else the fallback.
func (t Tenancy) Resolve(ls labels.Labels) invoq.TenantName {
	if name := ls.Get(TenantLabel); invoq.ValidateName("tenant", name) == nil {
		return invoq.TenantName(strings.Clone(name))
	}
	for _, label := range namespaceLabels {
		ns := ls.Get(label)
		if ns == "" {
			continue
		}
		tenant, ok := t.Namespaces[ns]
		if !ok {
			tenant = t.Namespaces["*"]
		}
		if tenant == "*" {
			if invoq.ValidateName("tenant", ns) != nil {
				break // No tenant can have that name.
			}
			tenant = invoq.TenantName(strings.Clone(ns))
		}
		if tenant != "" {
			return tenant
		}
	}
	if t.Fallback != "" {
		return t.Fallback
	}
	return invoq.DefaultTenant
}
