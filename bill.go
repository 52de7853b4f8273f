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
	ID BillID `json:"id,omitempty"`
	// Number is the bill's own in a series without gaps; empty before it is
	// final.
	Number   string   `json:"number,omitempty"`
	TenantID TenantID `json:"tenant_id"`
	Period   Interval `json:"period"`
	Timezone string   `json:"timezone"` // months of Period are counted in this zone
	Currency Currency `json:"currency"`
	// PlanID and PlanVersion are what prices the end of the period.
	PlanID      PlanID `json:"plan_id"`
	PlanVersion int    `json:"plan_version"`
	// Parts are what prices each part of the period, in order of time.
	Parts    []BillPart `json:"parts,omitempty"`
	Status   BillStatus `json:"status"`
	Lines    []BillLine `json:"lines"`
	Total    Decimal    `json:"total"` // the sum of the lines' rounded amounts
	Warnings []string   `json:"warnings,omitempty"`
	// Pinned is the rest of what the bill was computed from: with the parts, all
	// there is to know to compute it again.
	Pinned
	// OfWindows says that the bill was made of windows, as all were before there
	// was a book to make them of. It has no head.
	OfWindows bool `json:"of_windows,omitempty"`
	// SHA256 is that of the bill's canonical bytes, in hexadecimal: what it says,
	// without its status, number and times (package billing writes them).
	SHA256    string    `json:"sha256,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	// When the bill became what it is, and what was said of it: which payment,
	// why void. Zero where it did not.
	FinalizedAt time.Time `json:"finalized_at,omitzero"`
	PaidAt      time.Time `json:"paid_at,omitzero"`
	Payment     string    `json:"payment,omitempty"`
	VoidedAt    time.Time `json:"voided_at,omitzero"`
	VoidReason  string    `json:"void_reason,omitempty"`
}

// Pinned names the inputs of a bill that grow or change after it was made.
type Pinned struct {
	// Head is the state of the book up to which entries are on the bill.
	Head BookHead `json:"head,omitzero"`
	// Catalogue is the latest version of the cost catalogue by which an entry on
	// the bill was rated; 0 where none was.
	Catalogue int64 `json:"catalogue_version,omitempty"`
	// Tags are those of the services on the bill, and of those that its corrections
	// are the first to price, where a rate chooses by tags; by namespace and
	// service.
	Tags []ServiceTags `json:"tags,omitempty"`
}

// BookHead names a state of the book: its first Size entries, and the root of
// the Merkle tree over them (RFC 6962, section 2.1). The zero value is the
// empty book.
type BookHead struct {
	Size int64  `json:"size"`
	Root string `json:"root"` // SHA-256 in base64, as in signed heads
}

// ServiceTags are the tags of one service at one moment.
type ServiceTags struct {
	Namespace string            `json:"namespace,omitempty"`
	Service   string            `json:"service,omitempty"`
	Tags      map[string]string `json:"tags"`
}

// BillPart is a part of a bill's period that one version of one plan prices.
type BillPart struct {
	Period      Interval `json:"period"`
	PlanID      PlanID   `json:"plan_id"`
	PlanVersion int      `json:"plan_version"`
}

// CreditNote takes back an amount of an issued bill, which stays as it is.
type CreditNote struct {
	ID        string
	Number    string // in a series of its own without gaps
	TenantID  TenantID
	BillID    BillID
	Reference string   // the caller's name for it, unique on the bill
	Currency  Currency // the bill's
	Amount    Decimal  // above 0; those of a bill are at most its total
	Reason    string
	CreatedAt time.Time
	CreatedBy string
}

// Rerating says by which versions of plans an issued bill should have been
// priced. Nothing is edited: the latest one of a bill counts.
type Rerating struct {
	ID         int64
	TenantID   TenantID
	BillID     BillID
	Parts      []BillPart
	Tags       []ServiceTags // of the bill's services, as when it was shown
	Reverts    int64         // the re-rating that this one takes back; 0: none
	Difference Decimal       // what it adds to what the tenant owes, as it was shown
	Reason     string
	CreatedAt  time.Time
	CreatedBy  string
}

// LineKind says why a line is on a bill.
type LineKind string

// The kinds of lines. Only LineReprice may be negative, and any line that
// corrects another bill.
const (
	// LineUsage: the price of units used in the period.
	LineUsage LineKind = "usage"
	// LineOverage: the price of units above a commitment.
	LineOverage LineKind = "overage"
	// LineUnused: what was committed and not used when the month closed.
	LineUnused LineKind = "unused"
	// LineReprice: units of the month that were priced before the period now
	// cost more or less, since the month has reached another volume.
	LineReprice LineKind = "reprice"
	// LineMinimum: what a closed month lacks to its minimum charge.
	LineMinimum LineKind = "minimum"
	// LineFee: a flat fee.
	LineFee LineKind = "fee"
)

// BillLine is what one rate asks for one calendar month of a bill's period.
// It explains itself: Steps say how the charge was made, Inputs of what.
type BillLine struct {
	// Rate is the name of the plan's rate; "minimum" for the plan's own.
	Rate  string   `json:"rate"`
	Kind  LineKind `json:"kind"`
	Model RateKind `json:"model,omitempty"` // how the rate prices
	Meter Meter    `json:"meter,omitempty"`
	// Month is the calendar month in the tenant's zone, as 2006-01.
	Month string `json:"month"`
	// Period, PlanID and PlanVersion say which part of a bill the line is of;
	// zero where the bill has only one.
	Period      Interval `json:"period,omitzero"`
	PlanID      PlanID   `json:"plan_id,omitempty"`
	PlanVersion int      `json:"plan_version,omitempty"`
	// Corrects names the issued bill of which the line is a correction: what it
	// should say now less what it says. Empty on all other lines.
	Corrects BillID `json:"corrects,omitempty"`
	// Quantity is what was used in the part of the month that the period
	// covers, Free how much of it the free tier covered, Billable the
	// difference.
	Quantity Decimal `json:"quantity"`
	Free     Decimal `json:"free"`
	Billable Decimal `json:"billable"`
	// Price is the price of one unit; 0 where several prices made the line.
	Price Decimal `json:"price"`
	// List is the charge before Off, the share that discounts and spot take.
	List Decimal `json:"list"`
	Off  Decimal `json:"off,omitzero"`
	Spot bool    `json:"spot,omitempty"` // interruptible, priced lower for it
	// Cost is what the usage cost the owner, where the price is made of it.
	Cost Decimal `json:"cost,omitzero"`
	// Exact is the charge at full precision; Amount is Exact rounded once, half
	// up, at the currency's minor unit.
	Exact  Decimal `json:"exact"`
	Amount Decimal `json:"amount"`
	// Steps add up to List.
	Steps []LineStep `json:"steps,omitempty"`
	// Inputs are the sums of usage the line was made of, by namespace, then
	// service. An overage line has none: those of its usage line are for both.
	Inputs []LineInput `json:"inputs,omitempty"`
}

// LineStep is one step of a charge: a tier, a window of the day, a fee.
type LineStep struct {
	Label    string  `json:"label,omitempty"`
	Quantity Decimal `json:"quantity"`
	Price    Decimal `json:"price"`  // of one unit of Quantity
	Amount   Decimal `json:"amount"` // exact, before discounts
}

// LineInput is what one service put into a line.
type LineInput struct {
	Namespace string  `json:"namespace,omitempty"`
	Service   string  `json:"service,omitempty"`
	Quantity  Decimal `json:"quantity"`
}
