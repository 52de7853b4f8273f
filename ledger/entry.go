package ledger

import (
	"time"

	"invoq"
)

// UserID identifies a user of a tenant: a lower-case UUID that means nothing
// outside the table of users. Entries hold it in place of the name, so that a
// name can be erased without touching the book.
type UserID string

// Model says how an entry's billed cost follows from its real cost.
type Model string

// The models. The zero value is of entries that no price covers.
const (
	ModelFree       Model = "FREE"       // the owner pays
	ModelFixed      Model = "FIXED"      // a package has paid it already
	ModelMarkup     Model = "MARKUP"     // real cost × a factor of 1 or more
	ModelSubsidized Model = "SUBSIDIZED" // real cost × a factor less than 1
	// ModelPlan: a rate of the tenant's plan prices it. What is billed is what
	// the entry adds to the charge of its month, so that a month's entries add
	// up to its bill; it is negative where the month reaches a volume at which
	// what was used before costs less.
	ModelPlan Model = "PLAN"
)

// Entry is one line of the book: a quantity of one meter, what it cost the
// owner and what the user is charged for it. It is never changed.
type Entry struct {
	// Position is the entry's place in the book, from 0 without gaps.
	Position int64
	TenantID invoq.TenantID
	UserID   UserID
	// Where the usage belongs; empty where the event said nothing.
	Platform, Provider, Namespace, Service, Revision string
	Meter                                            invoq.Meter
	Quantity                                         invoq.Decimal
	Charge
	// RequestID is the event's; the entries of one event share it.
	RequestID string
	// Corrects is the request id of the event that the entry corrects.
	Corrects string
	// Labels are the event's as canonical JSON; empty for none.
	Labels string
	// EventTime is when it was used, ReceivedAt when Invoq took it in; UTC,
	// whole microseconds.
	EventTime, ReceivedAt time.Time
}

// Charge is what an entry costs. Real and billed cost are at full precision:
// money is rounded on bills alone.
type Charge struct {
	// Catalogue is the version of the cost catalogue that was used; 0 is none.
	Catalogue int64
	Currency  invoq.Currency
	// UnitCost and RealCost are known when Costed is true: usage without a
	// cost is not usage at no cost.
	Costed             bool
	UnitCost, RealCost invoq.Decimal
	// BilledCost is known when Priced is true, and then Model says why.
	Priced     bool
	BilledCost invoq.Decimal
	// BilledCurrency is that of BilledCost where it is not Currency: a plan may
	// ask for another one than the owner pays in. Nothing converts them.
	BilledCurrency invoq.Currency
	Model          Model
}

// BilledIn returns the currency of BilledCost.
func (c Charge) BilledIn() invoq.Currency {
	if c.BilledCurrency != "" {
		return c.BilledCurrency
	}
	return c.Currency
}

// Unpriced says why the charge is not known in full, or "".
func (c Charge) Unpriced() string {
	switch {
	case !c.Costed && !c.Priced:
		return "no cost and no price"
	case !c.Costed:
		return "no cost"
	case !c.Priced:
		return "no price"
	}
	return ""
}
