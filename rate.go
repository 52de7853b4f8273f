package invoq

// Rate prices the usage of one meter. The zero value is invalid; the fields
// Meter and Price alone make a price per unit.
type Rate struct {
	// Name is what bills call the rate, unique in the plan; empty: the meter.
	Name  string `json:"name,omitempty"`
	Meter Meter  `json:"meter,omitempty"`
	// Where selects the usage that the rate prices; zero: all of the meter.
	Where Selector `json:"where,omitzero"`
	// FreePerMonth is how many units of a calendar month in the tenant's zone
	// cost nothing, 0 or more.
	FreePerMonth Decimal `json:"free_per_month,omitzero"`
	// Price is what Per units cost in the plan's currency, 0 or more.
	Price Decimal `json:"price"`
	// Per is how many units the price buys, above 0; zero means 1. Price ÷ Per
	// must be exact within MaxPricePlaces.
	Per Decimal `json:"per,omitzero"`
}

// Selector says which usage a rate prices: all its conditions must hold. The
// zero value selects everything.
type Selector struct {
	Services   []string          `json:"services,omitempty"`   // any of these
	Namespaces []string          `json:"namespaces,omitempty"` // any of these
	Tags       map[string]string `json:"tags,omitempty"`       // all of these
}

// IsZero reports whether the selector selects everything.
func (s Selector) IsZero() bool {
	return len(s.Services) == 0 && len(s.Namespaces) == 0 && len(s.Tags) == 0
}

// Label returns the rate's name, or its meter's where it has none.
func (r Rate) Label() string {
	if r.Name != "" {
		return r.Name
	}
	return string(r.Meter)
}

// Units returns how many units the price buys: Per, or 1 where it is zero.
func (r Rate) Units() Decimal {
	if r.Per.IsZero() {
		return NewDecimal(1, 0)
	}
	return r.Per
}

func (r Rate) validate(field string) error {
	if r.Name != "" {
		if err := ValidateName(field+".name", r.Name); err != nil {
			return err
		}
	}
	for _, n := range []struct {
		name  string
		value Decimal
	}{{"free_per_month", r.FreePerMonth}, {"price", r.Price}, {"per", r.Per}} {
		if n.value.Sign() < 0 {
			return Errorf(KindUnprocessable, "%s.%s: %s is negative", field, n.name, n.value)
		}
	}
	return nil
}
