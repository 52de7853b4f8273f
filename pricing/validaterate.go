package pricing

import (
	"fmt"
	"slices"

	"invoq"
)

// fieldsOfKind are the optional fields that each kind of rate may have. What
// stands in another field would be ignored, so it is refused.
var fieldsOfKind = map[invoq.RateKind][]string{
	invoq.RatePerUnit: {"meter", "where", "round", "free_per_month", "free_pool", "price", "per",
		"discounts", "spot_off", "minimum_per_month"},
	invoq.RatePackage: {"meter", "where", "round", "free_per_month", "free_pool", "price", "per",
		"discounts", "spot_off", "minimum_per_month"},
	invoq.RateGraduated: {"meter", "where", "round", "free_per_month", "free_pool", "per", "tiers",
		"discounts", "spot_off", "minimum_per_month"},
	invoq.RateVolume: {"meter", "where", "round", "free_per_month", "free_pool", "per", "tiers",
		"discounts", "spot_off", "minimum_per_month"},
	invoq.RateTimeOfDay: {"meter", "where", "round", "free_per_month", "price", "per", "windows",
		"discounts", "spot_off", "minimum_per_month"},
	invoq.RateReserved: {"meter", "where", "round", "free_per_month", "price", "per", "committed",
		"overage", "minimum_per_month"},
	invoq.RateFlat:       {"price", "prorate"},
	invoq.RateFree:       {"meter", "where"},
	invoq.RateFixed:      {"meter", "where", "included_in"},
	invoq.RateMarkup:     {"meter", "where", "factor", "minimum_per_month"},
	invoq.RateSubsidized: {"meter", "where", "factor", "minimum_per_month"},
}

// validateFields checks the kind and that the rate has no field of another.
func validateFields(r invoq.Rate) error {
	kind := r.Kind
	if kind == "" {
		kind = invoq.RatePerUnit
	}
	allowed, ok := fieldsOfKind[kind]
	if !ok {
		return refuse("kind", "%q is no kind of rate", clip(string(r.Kind)))
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"meter", r.Meter != ""},
		{"where", !r.Where.IsZero()},
		{"round", !r.Round.IsZero()},
		{"free_per_month", !r.FreePerMonth.IsZero()},
		{"free_pool", r.FreePool != ""},
		{"price", !r.Price.IsZero()},
		{"per", !r.Per.IsZero()},
		{"tiers", len(r.Tiers) > 0},
		{"windows", len(r.Windows) > 0},
		{"committed", !r.Committed.IsZero()},
		{"overage", !r.Overage.IsZero()},
		{"prorate", r.Prorate != ""},
		{"factor", !r.Factor.IsZero()},
		{"included_in", r.IncludedIn != ""},
		{"discounts", len(r.Discounts) > 0},
		{"spot_off", !r.SpotOff.IsZero()},
		{"minimum_per_month", !r.MinimumPerMonth.IsZero()},
	} {
		if f.set && !slices.Contains(allowed, f.name) {
			return refuse(f.name, "a rate of kind %q has no such field", kind)
		}
	}
	return nil
}

// validateNumbers checks signs and ranges of what stands in single fields.
func validateNumbers(r invoq.Rate) error {
	for _, n := range []struct {
		name  string
		value invoq.Decimal
	}{
		{"free_per_month", r.FreePerMonth}, {"price", r.Price}, {"per", r.Per},
		{"committed", r.Committed}, {"overage", r.Overage}, {"factor", r.Factor},
		{"spot_off", r.SpotOff}, {"minimum_per_month", r.MinimumPerMonth},
		{"round.duration_step_ms", r.Round.DurationStepMs},
		{"round.duration_min_ms", r.Round.DurationMinMs},
		{"round.memory_step_mb", r.Round.MemoryStepMB},
		{"round.memory_min_mb", r.Round.MemoryMinMB},
		{"round.memory_max_mb", r.Round.MemoryMaxMB},
	} {
		if n.value.Sign() < 0 {
			return refuse(n.name, "%s is negative", n.value)
		}
	}
	switch {
	case r.SpotOff.Cmp(one) >= 0:
		return refuse("spot_off", "%s is not a share below 1", r.SpotOff)
	case r.Kind == invoq.RateMarkup && r.Factor.Cmp(one) < 0:
		return refuse("factor", "%s is below 1, which is SUBSIDIZED or FREE", r.Factor)
	case r.Kind == invoq.RateSubsidized && (r.Factor.IsZero() || r.Factor.Cmp(one) >= 0):
		return refuse("factor", "%s is not between 0 and 1; 0 is FREE, 1 and more is MARKUP",
			r.Factor)
	case r.Kind == invoq.RateReserved && r.Committed.IsZero():
		return refuse("committed", "it is missing")
	case r.Kind == invoq.RateReserved && r.Overage.IsZero():
		return refuse("overage", "it is missing; units above the commitment have a price")
	case r.FreePool != "" && r.FreePerMonth.IsZero():
		return refuse("free_pool", "there are no free units to share")
	}
	return validatePrices(r)
}

// validatePrices checks that every price of Per units is the exact price of
// one. Packages are not priced by the unit.
func validatePrices(r invoq.Rate) error {
	if r.Kind == invoq.RatePackage {
		return nil
	}
	exact := func(field string, price invoq.Decimal) error {
		if price.Sign() < 0 {
			return refuse(field, "%s is negative", price)
		}
		if _, ok := unitPrice(price, r.Units()); !ok {
			return refuse(field, "a price of %s per %s is not exact within %d decimal places",
				price, r.Units(), invoq.MaxPricePlaces)
		}
		return nil
	}
	if err := exact("price", r.Price); err != nil {
		return err
	}
	if err := exact("overage", r.Overage); err != nil {
		return err
	}
	for i, t := range r.Tiers {
		if err := exact(fmt.Sprintf("tiers[%d].price", i), t.Price); err != nil {
			return err
		}
	}
	for i, w := range r.Windows {
		if err := exact(windowField(i, "price"), w.Price); err != nil {
			return err
		}
	}
	return nil
}

// validateTiers checks that tiers follow each other without gap or overlap
// from 0 to an open end.
func validateTiers(r invoq.Rate) error {
	if len(r.Tiers) == 0 {
		return refuse("tiers", "they are missing")
	}
	if len(r.Tiers) > MaxTiers {
		return refuse("tiers", "there are %d, at most %d are allowed", len(r.Tiers), MaxTiers)
	}
	var end invoq.Decimal
	for i, t := range r.Tiers {
		field := fmt.Sprintf("tiers[%d]", i)
		last := i == len(r.Tiers)-1
		switch c := t.From.Cmp(end); {
		case c < 0:
			return refuse(field+".from", "%s overlaps the tier before, which ends at %s",
				t.From, end)
		case c > 0:
			return refuse(field+".from", "%s leaves a gap after %s", t.From, end)
		case last && !t.UpTo.IsZero():
			return refuse(field+".up_to", "the last tier has no end; leave it out")
		case !last && t.UpTo.Cmp(t.From) <= 0:
			return refuse(field+".up_to", "%s is not above %s", t.UpTo, t.From)
		}
		end = t.UpTo
	}
	return validateDiscounts(r.Discounts)
}

// validateWindows checks the hours of a rate by time of day.
func validateWindows(r invoq.Rate) error {
	if len(r.Windows) == 0 {
		return refuse("windows", "they are missing")
	}
	if len(r.Windows) > MaxWindows {
		return refuse("windows", "there are %d, at most %d are allowed", len(r.Windows), MaxWindows)
	}
	for i, w := range r.Windows {
		if err := invoq.ValidateName(windowField(i, "name"), w.Name); err != nil {
			return err
		}
	}
	if _, err := bandsOf(r.Windows); err != nil {
		return err
	}
	return validateDiscounts(r.Discounts)
}

// validateFee checks how a fee is prorated.
func validateFee(r invoq.Rate) error {
	switch r.Prorate {
	case "", invoq.ProrateDay, invoq.ProrateSecond, invoq.ProrateAdvance, invoq.ProrateArrears:
		return nil
	}
	return refuse("prorate", "%q is not day, second, advance or arrears", clip(string(r.Prorate)))
}

// validateDiscounts checks that thresholds and shares grow together.
func validateDiscounts(all []invoq.Discount) error {
	if len(all) > MaxDiscounts {
		return refuse("discounts", "there are %d, at most %d are allowed", len(all), MaxDiscounts)
	}
	var last invoq.Discount
	for i, d := range all {
		field := fmt.Sprintf("discounts[%d]", i)
		switch {
		case d.Above.Sign() < 0:
			return refuse(field+".above", "%s is negative", d.Above)
		case i > 0 && d.Above.Cmp(last.Above) <= 0:
			return refuse(field+".above", "%s is not above %s", d.Above, last.Above)
		case d.Off.Cmp(last.Off) <= 0:
			return refuse(field+".off", "%s is not more than %s", d.Off, last.Off)
		case d.Off.Cmp(one) > 0:
			return refuse(field+".off", "%s is not a share of at most 1", d.Off)
		}
		last = d
	}
	return nil
}
