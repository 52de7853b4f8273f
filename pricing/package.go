package pricing

import "invoq"

// packages prices every package of size units that is begun: 1,001 units in
// packages of 1,000 are two.
func packages(billable, size, price invoq.Decimal) invoq.LineStep {
	return step("packages", ceilQuo(billable, size), price)
}
