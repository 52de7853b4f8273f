package pricing

import (
	"fmt"
	"slices"

	"invoq"
)

// Limits of a rate, and of the windows of all rates of a plan: they bound the
// work of pricing a bill.
const (
	MaxTiers       = 1000
	MaxWindows     = 7 * 24
	MaxPlanWindows = 500
	MaxDiscounts   = 100
	MaxSelected    = 1000 // services, namespaces or tags of one selector
)

// Validate checks every rule of a plan. Errors are of KindUnprocessable and
// name the field as the plan's JSON does.
func Validate(plan invoq.Plan) error {
	if err := plan.Validate(); err != nil {
		return err
	}
	if _, err := Digits(plan.Currency); err != nil {
		return refuse("currency", "%s", invoq.MessageOf(err))
	}
	if plan.MinimumPerMonth.Sign() < 0 {
		return refuse("minimum_per_month", "%s is negative", plan.MinimumPerMonth)
	}
	if plan.Version < 0 {
		return refuse("version", "%d is negative", plan.Version)
	}
	if len(plan.Rates) == 0 {
		return refuse("rates", "a plan needs at least one")
	}
	windows := 0
	for i, r := range plan.Rates {
		if windows += len(r.Windows); windows > MaxPlanWindows {
			return refuse("rates", "they have more than %d windows together", MaxPlanWindows)
		}
		err := validateRate(r)
		if err == nil {
			err = validateAmong(plan.Rates, i)
		}
		if err != nil {
			return inField(fmt.Sprintf("rates[%d]", i), err)
		}
	}
	return nil
}

// validateAmong checks a rate against the others of its plan.
func validateAmong(rates []invoq.Rate, i int) error {
	r := rates[i]
	for j, other := range rates[:i] {
		if r.Meter != "" && other.Meter == r.Meter && other.Where.IsZero() {
			return refuse("meter", "%q is priced by rates[%d] already, which selects all of it",
				r.Meter, j)
		}
		if r.FreePool == "" || other.FreePool != r.FreePool {
			continue
		}
		if other.Meter != r.Meter || other.FreePerMonth.Cmp(r.FreePerMonth) != 0 {
			return refuse("free_pool",
				"rates[%d] shares it with another meter or free_per_month", j)
		}
	}
	if r.Label() == planMinimum {
		return refuse("name", "%q is what bills call the plan's own minimum", planMinimum)
	}
	if r.Kind != invoq.RateFixed {
		return nil
	}
	if !slices.ContainsFunc(rates, func(fee invoq.Rate) bool {
		return fee.Kind == invoq.RateFlat && fee.Label() == r.IncludedIn
	}) {
		return refuse("included_in", "%q is no flat rate of the plan", clip(r.IncludedIn))
	}
	return nil
}

// validateRate checks a rate by itself; errors name its field.
func validateRate(r invoq.Rate) error {
	if err := validateFields(r); err != nil {
		return err
	}
	if err := validateMeter(r); err != nil {
		return err
	}
	if err := validateSelector(r.Where); err != nil {
		return err
	}
	if err := validateNumbers(r); err != nil {
		return err
	}
	switch r.Kind {
	case invoq.RateGraduated, invoq.RateVolume:
		return validateTiers(r)
	case invoq.RateTimeOfDay:
		return validateWindows(r)
	case invoq.RateFlat:
		return validateFee(r)
	}
	return validateDiscounts(r.Discounts)
}

// validateMeter checks that the meter is one, and one whose calls can be
// rounded where the rate rounds them.
func validateMeter(r invoq.Rate) error {
	if r.Kind == invoq.RateFlat {
		return nil // validateFields has refused a meter.
	}
	all := append(invoq.Meters(), invoq.ResourceMeters()...)
	if !slices.Contains(all, r.Meter) {
		return refuse("meter", "%q is not one of %v", clip(string(r.Meter)), all)
	}
	if _, ok := (Calls{}).Quantity(r.Meter); !ok && !r.Round.IsZero() {
		return refuse("round", "calls have no %s to round", r.Meter)
	}
	return nil
}

// validateSelector checks which services a rate is for.
func validateSelector(w invoq.Selector) error {
	for _, list := range []struct {
		field string
		names []string
	}{{"where.services", w.Services}, {"where.namespaces", w.Namespaces}} {
		if len(list.names) > MaxSelected {
			return refuse(list.field, "%d names, at most %d are allowed",
				len(list.names), MaxSelected)
		}
		for i, name := range list.names {
			if err := invoq.ValidateName(fmt.Sprintf("%s[%d]", list.field, i), name); err != nil {
				return err
			}
		}
	}
	if len(w.Tags) > MaxSelected {
		return refuse("where.tags", "%d tags, at most %d are allowed", len(w.Tags), MaxSelected)
	}
	return nil
}

// refuse returns the error for a field that breaks a rule.
func refuse(field, format string, args ...any) *invoq.Error {
	return invoq.Errorf(invoq.KindUnprocessable, "%s: %s", field, fmt.Sprintf(format, args...))
}

// inField puts the path of the parent before a refused field.
func inField(path string, err error) error {
	return invoq.Errorf(invoq.KindUnprocessable, "%s.%s", path, invoq.MessageOf(err))
}
