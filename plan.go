package invoq

import (
	"fmt"
	"time"
)

// PlanID identifies a plan across its versions: a lower-case UUID.
type PlanID string

// Limits of a plan.
const (
	// MaxPricePlaces bounds the decimal places of the price of one unit: a
	// price per MB·ms has 16 and more.
	MaxPricePlaces = 30
	// MaxRates bounds the rates of a plan.
	MaxRates = 200
	// MaxPlanVersions bounds the versions of a plan: bills read all of them.
	MaxPlanVersions = 1000
)

// Plan is one version of a price list. A version is never edited: a change is
// a new version with the next number.
//
// Package pricing knows all rules of a plan (pricing.Validate) and reads the
// JSON form strictly (pricing.ParsePlan).
type Plan struct {
	ID       PlanID   `json:"id,omitempty"`
	Version  int      `json:"version,omitempty"` // 1 and up
	Name     string   `json:"name"`
	TenantID TenantID `json:"tenant_id,omitempty"` // empty: shared by all tenants
	Currency Currency `json:"currency"`
	// Rates price the usage. A unit of usage is priced by the first rate of
	// its meter that selects it, or it is unpriced.
	Rates []Rate `json:"rates"`
	// MinimumPerMonth is the least that a closed month is charged in all.
	MinimumPerMonth Decimal `json:"minimum_per_month,omitzero"`
	Active          bool    `json:"active,omitempty"`
	// EffectiveFrom is the first day, in each tenant's zone, that this version
	// prices; empty: every day before the next version's first.
	EffectiveFrom Date      `json:"effective_from,omitempty"`
	CreatedAt     time.Time `json:"created_at,omitzero"` // of this version
	CreatedBy     string    `json:"created_by,omitempty"`
	Reason        string    `json:"reason,omitempty"` // why this version was made
}

// MaxReasonBytes bounds the reason that is recorded beside a change.
const MaxReasonBytes = 1000

// PlanAssignment says which plan prices a tenant from a day on. Assignments are
// never edited: of two of the same day the later one counts.
type PlanAssignment struct {
	TenantID      TenantID
	EffectiveFrom Date   // in the tenant's zone
	PlanID        PlanID // empty: the plan is found by the rules of package billing
	CreatedAt     time.Time
	CreatedBy     string
	Reason        string
}

// Rate returns the first rate of the meter and whether the plan has one.
func (p Plan) Rate(m Meter) (Rate, bool) {
	for _, r := range p.Rates {
		if r.Meter == m {
			return r, true
		}
	}
	return Rate{}, false
}

// Validate checks the name and that the rates' names are unique: what other
// records refer to. pricing.Validate checks every rule of a plan. Errors are
// of KindUnprocessable and name the field.
func (p Plan) Validate() error {
	if err := ValidateName("plan name", p.Name); err != nil {
		return err
	}
	if len(p.Rates) > MaxRates {
		return Errorf(KindUnprocessable, "rates: plan %q has %d, at most %d are allowed",
			p.Name, len(p.Rates), MaxRates)
	}
	seen := map[string]bool{}
	for i, r := range p.Rates {
		if err := ValidateName(fmt.Sprintf("rates[%d].name", i), r.Label()); err != nil {
			return err
		}
		if seen[r.Label()] {
			return Errorf(KindUnprocessable, "rates[%d].name: plan %q has two rates named %q",
				i, p.Name, r.Label())
		}
		seen[r.Label()] = true
	}
	return nil
}
