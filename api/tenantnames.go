package api

import (
	"context"
	"strings"
	"sync"

	"github.com/google/uuid"

	"invoq"
	"invoq/postgres"
)

// maxTenantNames bounds the cache of ids.
const maxTenantNames = 100_000

// tenantNames turns what a header names, an id or a name, into a tenant's name.
// Names need not exist yet: tenants register themselves with their samples. Ids
// do, and never change, so they are looked up once.
type tenantNames struct {
	db *postgres.DB

	mu   sync.Mutex
	byID map[string]invoq.TenantName
}

// newTenantNames returns an empty cache over the database.
func newTenantNames(db *postgres.DB) *tenantNames {
	return &tenantNames{db: db, byID: map[string]invoq.TenantName{}}
}

// name returns the tenant's name. What is no UUID is a name itself; an id that is
// not known is KindNotFound.
func (n *tenantNames) name(ctx context.Context, idOrName string) (invoq.TenantName, error) {
	if err := invoq.ValidateName("tenant in "+orgHeader, idOrName); err != nil {
		return "", err
	}
	if _, err := uuid.Parse(idOrName); err != nil {
		return invoq.TenantName(idOrName), nil
	}
	n.mu.Lock()
	name, ok := n.byID[idOrName]
	n.mu.Unlock()
	if ok {
		return name, nil
	}
	t, err := n.db.FindTenant(ctx, invoq.Everyone(), idOrName)
	if err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.byID) >= maxTenantNames {
		clear(n.byID)
	}
	// What is named may point into a whole body, which must not be kept.
	n.byID[strings.Clone(idOrName)] = t.Name
	return t.Name, nil
}
