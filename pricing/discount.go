package pricing

import "invoq"

// discountOff returns the share that volume discounts take off the whole
// month's charge: that of the highest threshold the billable units are above.
func discountOff(billable invoq.Decimal, all []invoq.Discount) invoq.Decimal {
	var off invoq.Decimal
	for _, d := range all {
		if billable.Cmp(d.Above) > 0 {
			off = d.Off
		}
	}
	return off
}
