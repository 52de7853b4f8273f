package catalogue

import (
	"slices"
	"time"

	"invoq"
)

// Limits of a catalogue.
const (
	MaxItems = 20_000
	// maxUnitPlaces bounds the decimal places of the cost of one unit.
	maxUnitPlaces = invoq.MaxPricePlaces
)

// Item says what a resource costs from a date on, and how it is charged. Empty
// fields of what it is for mean any; the item that says the most about a usage
// is the one that counts, and of those the latest that is in force.
type Item struct {
	// Tenant is for whom the item is; an item for one tenant comes before one
	// for all, whatever else they say.
	Tenant   invoq.TenantName `json:"tenant,omitempty"`
	Provider string           `json:"provider,omitempty"`
	Service  string           `json:"service,omitempty"`
	Meter    invoq.Meter      `json:"resource"`
	// Cost is what Per units cost the owner, 0 or more; Per is above 0, and
	// zero means 1. Cost ÷ Per must be exact.
	Cost invoq.Decimal `json:"cost"`
	Per  invoq.Decimal `json:"per,omitzero"`
	// From is when the cost takes effect; the zero value is ever since.
	From time.Time `json:"from,omitzero"`
	// Model says what the user pays: nothing (FREE, FIXED), or the cost ×
	// Factor (MARKUP, SUBSIDIZED). Empty: no price is known, and usage is
	// shown as unpriced.
	Model  invoq.RateKind `json:"model,omitempty"`
	Factor invoq.Decimal  `json:"factor,omitzero"`

	unit invoq.Decimal // Cost ÷ Per, once the item was validated
}

// Catalogue is one version of the owner's costs. It is immutable and safe for
// concurrent use; make it with New.
type Catalogue struct {
	version  int64
	currency invoq.Currency
	items    []Item
	index    map[subject][]Item // each sorted by From, the latest first
}

// subject is what an item is for.
type subject struct {
	tenant            invoq.TenantName
	provider, service string
	meter             invoq.Meter
}

// New returns a catalogue of the items. Errors are of KindUnprocessable and
// name the item by its number from 1.
func New(version int64, currency invoq.Currency, items []Item) (*Catalogue, error) {
	if len(items) > MaxItems {
		return nil, invoq.Errorf(invoq.KindUnprocessable, "%d items, at most %d are allowed",
			len(items), MaxItems)
	}
	c := &Catalogue{
		version: version, currency: currency, items: items, index: map[subject][]Item{},
	}
	for i, item := range items {
		unit, err := item.validate()
		if err != nil {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "item %d: %s", i+1, invoq.MessageOf(err))
		}
		item.unit = unit
		key := subject{item.Tenant, item.Provider, item.Service, item.Meter}
		for _, other := range c.index[key] {
			if other.From.Equal(item.From) {
				return nil, invoq.Errorf(invoq.KindUnprocessable,
					"item %d: an item before it is for the same resource from the same time", i+1)
			}
		}
		c.index[key] = append(c.index[key], item)
	}
	for _, items := range c.index {
		slices.SortFunc(items, func(a, b Item) int { return b.From.Compare(a.From) })
	}
	return c, nil
}

// Version returns the number of the catalogue's version.
func (c *Catalogue) Version() int64 { return c.version }

// Currency returns the currency of all costs.
func (c *Catalogue) Currency() invoq.Currency { return c.currency }

// Items returns the items as they were given; do not change them.
func (c *Catalogue) Items() []Item { return c.items }

// validate checks the item and returns the cost of one unit.
func (i *Item) validate() (unit invoq.Decimal, err error) {
	for _, name := range []struct{ field, value string }{
		{"tenant", string(i.Tenant)}, {"provider", i.Provider}, {"service", i.Service},
	} {
		if name.value == "" {
			continue
		}
		if err := invoq.ValidateName(name.field, name.value); err != nil {
			return unit, err
		}
	}
	if !slices.Contains(invoq.ResourceMeters(), i.Meter) && i.Meter.Validate() != nil {
		return unit, invoq.Errorf(invoq.KindUnprocessable, "resource %q is not one of %v or %v",
			string(i.Meter), invoq.ResourceMeters(), invoq.Meters())
	}
	per := i.Per
	if per.IsZero() {
		per = invoq.NewDecimal(1, 0)
	}
	if i.Cost.Sign() < 0 || per.Sign() < 0 {
		return unit, invoq.Errorf(invoq.KindUnprocessable, "cost %s per %s is negative", i.Cost, per)
	}
	unit = i.Cost.Quo(per, maxUnitPlaces)
	if !unit.Mul(per).Equal(i.Cost) {
		return unit, invoq.Errorf(invoq.KindUnprocessable,
			"cost %s per %s is not exact in %d decimal places", i.Cost, per, maxUnitPlaces)
	}
	return unit, i.validateModel()
}

func (i *Item) validateModel() error {
	one := invoq.NewDecimal(1, 0)
	switch i.Model {
	case "", invoq.RateFree, invoq.RateFixed:
		if !i.Factor.IsZero() {
			return invoq.Errorf(invoq.KindUnprocessable, "model %q has no factor", string(i.Model))
		}
	case invoq.RateMarkup:
		if i.Factor.Cmp(one) < 0 {
			return invoq.Errorf(invoq.KindUnprocessable, "the factor of MARKUP is %s, less than 1", i.Factor)
		}
	case invoq.RateSubsidized:
		if i.Factor.Sign() < 0 || i.Factor.Cmp(one) >= 0 {
			return invoq.Errorf(invoq.KindUnprocessable,
				"the factor of SUBSIDIZED is %s, not from 0 to less than 1", i.Factor)
		}
	default:
		return invoq.Errorf(invoq.KindUnprocessable,
			"model %q is not FREE, FIXED, MARKUP or SUBSIDIZED", string(i.Model))
	}
	return nil
}

// Usage is what is to be charged.
type Usage struct {
	Tenant            invoq.TenantName
	Provider, Service string
	Meter             invoq.Meter
	Quantity          invoq.Decimal
	At                time.Time
}

// Charge is what a usage costs, at full precision.
type Charge struct {
	UnitCost, RealCost invoq.Decimal
	// BilledCost is known when Priced is true; the item then has a model.
	Priced     bool
	BilledCost invoq.Decimal
	Model      invoq.RateKind
}

// Charge returns what the usage costs, or false when no item in force covers
// it: its cost is not known, which is not 0.
func (c *Catalogue) Charge(u Usage) (Charge, bool) {
	item, ok := c.find(&u)
	if !ok {
		return Charge{}, false
	}
	charge := Charge{UnitCost: item.unit, RealCost: u.Quantity.Mul(item.unit), Model: item.Model}
	switch item.Model {
	case invoq.RateFree, invoq.RateFixed:
		charge.Priced = true
	case invoq.RateMarkup, invoq.RateSubsidized:
		charge.Priced, charge.BilledCost = true, charge.RealCost.Mul(item.Factor)
	}
	return charge, true
}

// find returns the item that says the most about the usage and is in force.
func (c *Catalogue) find(u *Usage) (Item, bool) {
	for _, tenant := range [...]invoq.TenantName{u.Tenant, ""} {
		for _, s := range [...][2]string{
			{u.Provider, u.Service}, {"", u.Service}, {u.Provider, ""}, {"", ""},
		} {
			for _, item := range c.index[subject{tenant, s[0], s[1], u.Meter}] {
				if !item.From.After(u.At) {
					return item, true
				}
			}
		}
	}
	return Item{}, false
}
