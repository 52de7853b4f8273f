package pricing

import "invoq"

// MaxPlanBytes bounds the JSON of a plan.
const MaxPlanBytes = 1 << 20

// ParsePlan reads a plan's JSON strictly and checks it as Validate does: an
// unknown, missing, repeated or null field is refused. Prices and quantities
// may be strings or number literals; they are read digit by digit.
//
// Errors are of KindTooLarge, of KindInvalid where the bytes are not JSON or a
// field stands twice, and else of KindUnprocessable with the field's name.
func ParsePlan(b []byte) (invoq.Plan, error) {
	if len(b) > MaxPlanBytes {
		return invoq.Plan{}, invoq.Errorf(invoq.KindTooLarge,
			"the plan has %d bytes, at most %d are read", len(b), MaxPlanBytes)
	}
	var plan invoq.Plan
	if err := decodeStrict(b, &plan); err != nil {
		return invoq.Plan{}, err
	}
	if err := Validate(plan); err != nil {
		return invoq.Plan{}, err
	}
	return plan, nil
}
