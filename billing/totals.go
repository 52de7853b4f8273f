package billing

import (
	"cmp"
	"slices"
	"time"

	"invoq"
)

// CurrencyTotal is what all tenants that are billed in one currency cost.
// Amounts of different currencies are never added up.
type CurrencyTotal struct {
	Currency invoq.Currency
	// Tenants are those of the currency, the dearest first.
	Tenants []*Standing
	// Total is the sum of their bills' totals so far, Today that of what their
	// current days added to them.
	Total, Today invoq.Decimal
	// Days are the days of their months, summed by date: each tenant's day is
	// that of its own zone.
	Days []Day
}

// NewOverview sums up where tenants, which come by name, stand at an instant.
func NewOverview(at, counted time.Time, tenants []Standing) *Overview {
	o := &Overview{At: at, Counted: counted, Tenants: tenants}
	byCode := map[invoq.Currency]*CurrencyTotal{}
	for i := range tenants {
		s := &tenants[i]
		c := byCode[s.Tenant.Currency]
		if c == nil {
			c = &CurrencyTotal{Currency: s.Tenant.Currency}
			byCode[c.Currency] = c
			o.Currencies = append(o.Currencies, c)
		}
		c.add(s)
	}
	for _, c := range o.Currencies {
		slices.SortStableFunc(c.Tenants, func(a, b *Standing) int { return b.Bill.Total.Cmp(a.Bill.Total) })
	}
	slices.SortFunc(o.Currencies, func(a, b *CurrencyTotal) int {
		return cmp.Or(cmp.Compare(len(b.Tenants), len(a.Tenants)), cmp.Compare(a.Currency, b.Currency))
	})
	return o
}

// add counts a tenant's month in.
func (c *CurrencyTotal) add(s *Standing) {
	c.Tenants = append(c.Tenants, s)
	c.Total, c.Today = c.Total.Add(s.Bill.Total), c.Today.Add(s.Today().Charge)
	for _, d := range s.Days {
		n, found := slices.BinarySearchFunc(c.Days, d, func(a, b Day) int { return cmp.Compare(a.Day, b.Day) })
		if !found {
			c.Days = slices.Insert(c.Days, n, Day{Day: d.Day})
		}
		c.Days[n].Cost = c.Days[n].Cost.Add(d.Cost)
		c.Days[n].Quantities = c.Days[n].Quantities.Add(d.Quantities)
	}
}

// Today returns the last of the month's days, the one that is not over.
func (m *Month) Today() Day {
	if len(m.Days) == 0 {
		return Day{}
	}
	return m.Days[len(m.Days)-1]
}

// Used returns how much of a meter the month's revisions used.
func (m *Month) Used(meter invoq.Meter) invoq.Decimal {
	var sum invoq.Decimal
	for i := range m.Shares {
		sum = sum.Add(m.Shares[i].Of(meter))
	}
	return sum
}
