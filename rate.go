package invoq

import "encoding/json"

// RateKind says how a rate prices usage. Package pricing has a file a kind.
type RateKind string

// The kinds of rates. The zero value means RatePerUnit.
const (
	RatePerUnit   RateKind = "per_unit"    // Price for every Per units
	RatePackage   RateKind = "package"     // Price for every Per units begun
	RateGraduated RateKind = "graduated"   // each unit at the price of its own tier
	RateVolume    RateKind = "volume"      // all units at the price of the last unit's tier
	RateTimeOfDay RateKind = "time_of_day" // by hour and weekday in the tenant's zone
	RateReserved  RateKind = "reserved"    // Committed units paid in any case, then Overage
	RateFlat      RateKind = "flat"        // a fee a month, whatever is used

	// The resource models: what the user pays of what the usage cost the owner.
	RateFree       RateKind = "FREE"       // nothing
	RateFixed      RateKind = "FIXED"      // nothing more: the fee IncludedIn has paid it
	RateMarkup     RateKind = "MARKUP"     // the cost × Factor, 1 or more
	RateSubsidized RateKind = "SUBSIDIZED" // the cost × Factor, less than 1
)

// Priced reports whether rates of the kind have a Price.
func (k RateKind) Priced() bool {
	switch k {
	case "", RatePerUnit, RatePackage, RateTimeOfDay, RateReserved, RateFlat:
		return true
	}
	return false
}

// Rate prices the usage of one meter, or asks a fee. The zero value is
// invalid; the fields Meter and Price alone make a price per unit.
type Rate struct {
	// Name is what bills call the rate, unique in the plan; empty: the meter.
	Name string   `json:"name,omitempty"`
	Kind RateKind `json:"kind,omitempty"`
	// Meter is what the rate prices; empty for RateFlat alone.
	Meter Meter `json:"meter,omitempty"`
	// Where selects the usage that the rate prices; zero: all of the meter.
	Where Selector `json:"where,omitzero"`
	// Round counts each call as a provider does, before anything is summed.
	Round Rounding `json:"round,omitzero"`
	// FreePerMonth is how many units of a calendar month in the tenant's zone
	// cost nothing, 0 or more. Rates of one FreePool share them, in the order
	// of the plan: usage of an earlier rate takes them from a later one.
	FreePerMonth Decimal `json:"free_per_month,omitzero"`
	FreePool     string  `json:"free_pool,omitempty"`
	// Price is what Per units cost in the plan's currency, 0 or more.
	Price Decimal `json:"price"`
	// Per is how many units a price buys, above 0; zero means 1. Price ÷ Per
	// must be exact within MaxPricePlaces.
	Per     Decimal       `json:"per,omitzero"`
	Tiers   []Tier        `json:"tiers,omitempty"`   // graduated, volume
	Windows []PriceWindow `json:"windows,omitempty"` // time_of_day; Price holds else
	// Committed is how many units a month are paid at Price, used or not;
	// Overage is the price of Per units above them.
	Committed Decimal `json:"committed,omitzero"`
	Overage   Decimal `json:"overage,omitzero"`
	// Prorate says what part of a flat fee a part of a month pays.
	Prorate Proration `json:"prorate,omitempty"`
	// Factor is what the real cost is multiplied with (MARKUP, SUBSIDIZED).
	Factor Decimal `json:"factor,omitzero"`
	// IncludedIn names the flat rate that pays for the usage (FIXED).
	IncludedIn string `json:"included_in,omitempty"`
	// Discounts take a share off the whole month's charge by its quantity.
	Discounts []Discount `json:"discounts,omitempty"`
	// SpotOff is the share, 0 to 1, taken off for interruptible services; its
	// lines are marked.
	SpotOff Decimal `json:"spot_off,omitzero"`
	// MinimumPerMonth is the least that a closed month of this rate is charged.
	MinimumPerMonth Decimal `json:"minimum_per_month,omitzero"`
	// Source says where the prices were read; prices of one's own have none.
	Source PriceSource `json:"source,omitzero"`
}

// Tier is a span of a month's billable units and their price: unit n lies in
// it when From < n ≤ UpTo.
type Tier struct {
	From  Decimal `json:"from,omitzero"`  // UpTo of the tier before; 0 in the first
	UpTo  Decimal `json:"up_to,omitzero"` // zero: no end, in the last tier alone
	Price Decimal `json:"price"`          // of Per units
}

// PriceWindow is a daily span of time with a price of its own, in the tenant's
// zone: from From until before To. Where To is not after From it ends on the
// next day.
type PriceWindow struct {
	Name string `json:"name"`
	// Days are mon to sun, those on which it begins; empty: every day.
	Days  []string `json:"days,omitempty"`
	From  string   `json:"from"`  // 00:00 to 23:59
	To    string   `json:"to"`    // 00:00 to 24:00
	Price Decimal  `json:"price"` // of Per units
}

// Discount takes the share Off, above 0 and at most 1, off a month's charge
// when the month has more than Above billable units.
type Discount struct {
	Above Decimal `json:"above"`
	Off   Decimal `json:"off"`
}

// Rounding is how a provider counts one call: each part is rounded up to a
// multiple of its step, then held between its least and its most. Zero fields
// do nothing.
type Rounding struct {
	DurationStepMs Decimal `json:"duration_step_ms,omitzero"`
	DurationMinMs  Decimal `json:"duration_min_ms,omitzero"`
	MemoryStepMB   Decimal `json:"memory_step_mb,omitzero"`
	MemoryMinMB    Decimal `json:"memory_min_mb,omitzero"`
	MemoryMaxMB    Decimal `json:"memory_max_mb,omitzero"`
}

// IsZero reports whether calls are taken as they are.
func (r Rounding) IsZero() bool {
	return r.DurationStepMs.IsZero() && r.DurationMinMs.IsZero() && r.MemoryStepMB.IsZero() &&
		r.MemoryMinMB.IsZero() && r.MemoryMaxMB.IsZero()
}

// Proration says what part of a monthly fee is due for a part of a month.
type Proration string

// The prorations. The zero value means ProrateDay.
const (
	ProrateDay     Proration = "day"     // calendar days begun ÷ days of the month
	ProrateSecond  Proration = "second"  // time passed ÷ length of the month
	ProrateAdvance Proration = "advance" // all of it in the part with the month's start
	ProrateArrears Proration = "arrears" // all of it in the part with the month's end
)

// PriceSource is where and when a public price was read.
type PriceSource struct {
	URL  string `json:"url,omitempty"`
	Read string `json:"read,omitempty"` // 2006-01-02
	Note string `json:"note,omitempty"`
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

// Units returns how many units a price buys: Per, or 1 where that is zero.
func (r Rate) Units() Decimal {
	if r.Per.IsZero() {
		return NewDecimal(1, 0)
	}
	return r.Per
}

// MarshalJSON leaves the price out where the kind has none, so that a tiered
// rate does not seem to cost 0.
func (r Rate) MarshalJSON() ([]byte, error) {
	type plain Rate
	if r.Kind.Priced() {
		return json.Marshal(plain(r))
	}
	return json.Marshal(struct {
		plain
		Price *Decimal `json:"price,omitempty"`
	}{plain: plain(r)})
}
