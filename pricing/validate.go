package pricing

import (
	"fmt"

	"invoq"
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
	if len(plan.Rates) == 0 {
		return refuse("rates", "a plan needs at least one")
	}
	for i, r := range plan.Rates {
		field := fmt.Sprintf("rates[%d]", i)
		if err := validateRate(field, r); err != nil {
			return err
		}
		for j, earlier := range plan.Rates[:i] {
			if earlier.Meter == r.Meter && earlier.Where.IsZero() {
				return refuse(field+".meter", "%q is priced by rates[%d] already, which selects all of it",
					r.Meter, j)
			}
		}
	}
	return nil
}

func validateRate(field string, r invoq.Rate) error {
	if err := r.Meter.Validate(); err != nil {
		return refuse(field+".meter", "%s", invoq.MessageOf(err))
	}
	if _, ok := unitPrice(r.Price, r.Units()); !ok {
		return refuse(field+".per", "a price of %s per %s is not exact within %d decimal places",
			r.Price, r.Units(), invoq.MaxPricePlaces)
	}
	return nil
}

// refuse returns the error for a field that breaks a rule.
func refuse(field, format string, args ...any) error {
	return invoq.Errorf(invoq.KindUnprocessable, "%s: %s", field, fmt.Sprintf(format, args...))
}
