package invoq

import "time"

// PlanID identifies a plan across its versions: a lower-case UUID.
type PlanID string

// MaxPricePlaces bounds the decimal places of a price: a price per MB·ms has
// 13 and more.
const MaxPricePlaces = 30

// Plan is one version of a price list. A version is never edited: a change is
// a new version with the next number.
type Plan struct {
	ID        PlanID
	Version   int // 1 and up
	Name      string
	TenantID  TenantID // empty: shared by all tenants
	Currency  Currency
	Rates     []Rate // at most one a meter
	Active    bool
	CreatedAt time.Time // of this version
}

// Rate prices one meter: the month's sum less the free units, times the price.
type Rate struct {
	Meter Meter
	// Price is the price of one unit in the plan's currency, 0 or more.
	Price Decimal
	// FreePerMonth is how many units of a calendar month in the tenant's zone
	// cost nothing, 0 or more.
	FreePerMonth Decimal
}

// Rate returns the rate of the meter and whether the plan has one.
func (p Plan) Rate(m Meter) (Rate, bool) {
	for _, r := range p.Rates {
		if r.Meter == m {
			return r, true
		}
	}
	return Rate{}, false
}

// Validate checks names, signs and sizes. Errors are of KindUnprocessable.
func (p Plan) Validate() error {
	if err := ValidateName("plan name", p.Name); err != nil {
		return err
	}
	seen := map[Meter]bool{}
	for _, r := range p.Rates {
		if err := r.validate(); err != nil {
			return err
		}
		if seen[r.Meter] {
			return Errorf(KindUnprocessable, "plan %q prices meter %q twice", p.Name, r.Meter)
		}
		seen[r.Meter] = true
	}
	return nil
}

func (r Rate) validate() error {
	if err := r.Meter.Validate(); err != nil {
		return err
	}
	if r.Price.Sign() < 0 || r.FreePerMonth.Sign() < 0 {
		return Errorf(KindUnprocessable, "price and free units of %q must not be negative", r.Meter)
	}
	if r.Price.Places() > MaxPricePlaces {
		return Errorf(KindUnprocessable, "price of %q has more than %d decimal places", r.Meter, MaxPricePlaces)
	}
	return nil
}
