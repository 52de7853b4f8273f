package pricing

import "invoq"

// reserved splits billable units into those the commitment covers, at its
// price, and those above it, at the price of overage.
func reserved(billable invoq.Decimal, r *rate) (within, over invoq.LineStep) {
	covered := billable.Min(r.Committed)
	return step("committed", covered, r.unitPrice),
		step("overage", billable.Sub(covered), r.overagePrice)
}

// unused prices what a closed month has left of the commitment. With what was
// used of it, it makes the whole commitment, whatever was used.
func unused(billable invoq.Decimal, r *rate) invoq.LineStep {
	left := r.Committed.Sub(billable).Max(invoq.Decimal{})
	return step("unused", left, r.unitPrice)
}
