package demo

import (
	"time"

	"invoq"
)

// money is what some usage costs its owner and what is billed for it.
type money struct {
	real, billed      invoq.Decimal
	entries, unpriced int64
}

// add adds up.
func (m *money) add(o money) {
	m.real, m.billed = m.real.Add(o.real), m.billed.Add(o.billed)
	m.entries, m.unpriced = m.entries+o.entries, m.unpriced+o.unpriced
}

// worth computes what an event comes to by the catalogue, apart from the
// server: what it says is held against this.
func (e *usageEvent) worth(middle time.Time) money {
	m := money{entries: 1, unpriced: 1}
	var item *costItem
	for i := range costItems {
		c := &costItems[i]
		if c.meter != e.Resource || c.provider != "" && (c.provider != e.Provider || c.service != e.Service) ||
			c.midMonth && e.Time.Before(middle) {
			continue
		}
		item = c // A later one has taken over.
	}
	if item == nil {
		return m
	}
	m.real = invoq.NewDecimal(e.Quantity, 0).Mul(invoq.MustDecimal(item.cost))
	if item.per != "" {
		m.real = m.real.Quo(invoq.MustDecimal(item.per), invoq.MaxPricePlaces)
	}
	switch item.model {
	case "":
		return m
	case "MARKUP", "SUBSIDIZED":
		m.billed = m.real.Mul(invoq.MustDecimal(item.factor))
	}
	m.unpriced = 0
	return m
}
