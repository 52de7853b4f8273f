package invoq

import "time"

// BillID identifies a stored bill: a lower-case UUID.
type BillID string

// BillStatus is the state of a bill's life.
type BillStatus string

// A bill begins as a draft that may be computed again; final bills never
// change.
const (
	BillDraft BillStatus = "draft"
	BillFinal BillStatus = "final"
	BillPaid  BillStatus = "paid"
	BillVoid  BillStatus = "void"
)

// Bill says what a tenant owes for a period and why. The same inputs give the
// same bill to the last digit.
type Bill struct {
	ID          BillID
	TenantID    TenantID
	Period      Interval
	Timezone    string // months of Period are counted in this zone
	Currency    Currency
	PlanID      PlanID
	PlanVersion int
	Status      BillStatus
	Lines       []BillLine
	Total       Decimal // the sum of the lines' rounded amounts
	CreatedAt   time.Time
}

// BillLine is one meter in one calendar month of the bill's period.
type BillLine struct {
	Meter Meter
	// Month is the first day of the month in the tenant's zone, as 2006-01.
	Month string
	// Quantity is what was used, Free how much of it the free tier covered,
	// Billable the difference.
	Quantity, Free, Billable Decimal
	// Price is the price of one unit.
	Price Decimal
	// Exact is Billable × Price; Amount is Exact rounded once, half up, at the
	// currency's minor unit.
	Exact, Amount Decimal
}
