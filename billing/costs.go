package billing

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"invoq"
	"invoq/ledger"
	"invoq/postgres"
	"invoq/pricing"
	"invoq/pricing/catalogue"
)

// costsFresh is how long a catalogue, plans and tenants' settings are used
// without asking for later ones.
const costsFresh = time.Second

// Costs keeps the owner's cost catalogue at hand. It is safe for concurrent use.
type Costs struct {
	db  *postgres.DB
	now func() time.Time

	mu    sync.Mutex
	last  *catalogue.Catalogue // nil before the first
	asked time.Time
}

// NewCosts returns the costs that the database has.
func NewCosts(db *postgres.DB, now func() time.Time) *Costs { return &Costs{db: db, now: now} }

// Current returns the catalogue in force, nil when there is none yet.
func (c *Costs) Current(ctx context.Context) (*catalogue.Catalogue, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.asked) < costsFresh {
		return c.last, nil
	}
	err := c.reload(ctx)
	return c.last, err
}

// reload reads the catalogue if there is a later one.
func (c *Costs) reload(ctx context.Context) error {
	stored, err := c.db.LatestCatalogue(ctx, c.version())
	if err != nil {
		return err
	}
	c.asked = c.now()
	if stored.Version == 0 {
		return nil
	}
	var items []catalogue.Item
	if err := json.Unmarshal(stored.Items, &items); err != nil {
		return fmt.Errorf("read version %d of the cost catalogue: %w", stored.Version, err)
	}
	c.last, err = catalogue.New(stored.Version, stored.Currency, items)
	return err
}

func (c *Costs) version() int64 {
	if c.last == nil {
		return 0
	}
	return c.last.Version()
}

// Import stores the items as the next version of the catalogue. Entries that
// are posted from now on are rated by it; those in the book stay as they are.
func (c *Costs) Import(
	ctx context.Context, currency invoq.Currency, items []catalogue.Item, by string,
) (*catalogue.Catalogue, error) {
	if _, err := pricing.Digits(currency); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reload(ctx); err != nil {
		return nil, err
	}
	next, err := catalogue.New(c.version()+1, currency, items)
	if err != nil {
		return nil, err
	}
	stored, err := json.Marshal(items)
	if err != nil {
		return nil, fmt.Errorf("write the cost catalogue: %w", err)
	}
	err = c.db.PutCatalogue(ctx, postgres.Catalogue{
		Version: next.Version(), Currency: currency, Items: stored, CreatedBy: by,
	})
	if err != nil {
		return nil, err
	}
	c.last = next
	return next, nil
}

// charge fills in what an entry cost the owner by the catalogue, nil for none,
// and what its model says of that is billed. What the catalogue does not cover
// keeps no cost and no price.
func charge(current *catalogue.Catalogue, e *ledger.Entry, tenant invoq.TenantName) {
	e.Charge = ledger.Charge{}
	if current == nil {
		return
	}
	e.Catalogue, e.Currency = current.Version(), current.Currency()
	c, covered := current.Charge(catalogue.Usage{
		Tenant: tenant, Provider: e.Provider, Service: e.Service, Meter: e.Meter,
		Quantity: e.Quantity, At: e.EventTime,
	})
	if !covered {
		return
	}
	e.Costed, e.UnitCost, e.RealCost = true, c.UnitCost, c.RealCost
	e.Priced, e.BilledCost, e.Model = c.Priced, c.BilledCost, ledger.Model(c.Model)
}
