package ledger

import (
	"slices"
	"time"

	"invoq"
)

// MarginBy is what entries are summed by.
type MarginBy string

// What margins can be summed by; days and months are of UTC.
const (
	ByUser     MarginBy = "user"
	ByTenant   MarginBy = "tenant"
	ByService  MarginBy = "service"
	ByResource MarginBy = "resource"
	ByDay      MarginBy = "day"
	ByMonth    MarginBy = "month"
)

// MarginKinds returns all that margins can be summed by.
func MarginKinds() []MarginBy {
	return []MarginBy{ByUser, ByTenant, ByService, ByResource, ByDay, ByMonth}
}

// Validate returns an error of KindUnprocessable for what nothing is summed by.
func (b MarginBy) Validate() error {
	if slices.Contains(MarginKinds(), b) {
		return nil
	}
	return invoq.Errorf(invoq.KindUnprocessable,
		"by %q is not user, tenant, service, resource, day or month", string(b))
}

// MarginQuery says which entries are summed, and which sums are asked for.
type MarginQuery struct {
	By       MarginBy
	Interval invoq.Interval // of when it was used
	Tenant   invoq.TenantID // empty: all in scope
	User     UserID         // empty: all of the tenant
	// Losing leaves out what earns at least what it costs, and Search what has
	// not that in its name; totals are of all.
	Losing bool
	Search string
	// ByBilled puts what is billed the most first, so that the order tells
	// nothing about real costs; otherwise what loses the most comes first.
	ByBilled bool
	// Limit bounds the rows beside the totals, after Skip of them.
	Limit, Skip int
}

// Margin is what entries add up to, in one currency. What costs the owner in one
// currency and is billed in another counts in both: nothing converts them.
type Margin struct {
	// Key tells it apart, Name is shown; both are empty for a total. A user's or
	// a tenant's key is its id.
	Key, Name string
	// TenantID and Tenant are whose user it is; empty for all but users.
	TenantID invoq.TenantID
	Tenant   invoq.TenantName
	Total    bool
	Currency invoq.Currency // empty for usage without a cost and a price
	Entries  int64
	// Unpriced is how many entries lack a cost or a price: the sums lack what
	// they would have been.
	Unpriced int64
	// RealCost and BilledCost are exact; the margin is their difference.
	RealCost, BilledCost invoq.Decimal
	LastUse              time.Time // the latest of them
	// Rows is how many sums of the currency there are, and Losing how many of
	// them cost more than they earn; of a total alone.
	Rows, Losing int64
}

// Margin returns what is left of the billed cost; less than 0 is a loss.
func (m Margin) Margin() invoq.Decimal { return m.BilledCost.Sub(m.RealCost) }

// MarginStatus is a margin in a word.
type MarginStatus string

// The status of margins. Unpriced is where nothing at all is known: no entry has
// both a cost and a price.
const (
	Profit    MarginStatus = "profit"
	Loss      MarginStatus = "loss"
	BreakEven MarginStatus = "break-even"
	Unpriced  MarginStatus = "unpriced"
)

// Status says which of the four it is, by what is known of it.
func (m Margin) Status() MarginStatus {
	switch sign := m.Margin().Sign(); {
	case m.Entries > 0 && m.Unpriced == m.Entries:
		return Unpriced
	case sign > 0:
		return Profit
	case sign < 0:
		return Loss
	}
	return BreakEven
}

// Consumption is what was consumed of one thing and how it was charged, summed
// over entries.
type Consumption struct {
	Meter                        invoq.Meter
	Provider, Namespace, Service string
	Model                        Model // empty: no price covers it
	Currency                     invoq.Currency
	Quantity                     invoq.Decimal
	Entries                      int64
	// NoCost and NoPrice are how many entries lack the one and the other.
	NoCost, NoPrice      int64
	RealCost, BilledCost invoq.Decimal
}

// Unpriced says what is missing of it, or "".
func (c Consumption) Unpriced() string {
	return Charge{Costed: c.NoCost == 0, Priced: c.NoPrice == 0}.Unpriced()
}

// ConsumptionQuery says which entries are summed into consumption.
type ConsumptionQuery struct {
	Interval invoq.Interval
	Tenant   invoq.TenantID // empty: all in scope
	User     UserID         // empty: all of the tenant
	// Unpriced leaves out entries that have both a cost and a price.
	Unpriced bool
	Limit    int
}
