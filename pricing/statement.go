package pricing

import (
	"fmt"

	"invoq"
)

// Statement is what a plan asks for a period's usage. The same plan, period
// and usage give the same statement to the last byte, in whatever order and
// batches the usage comes.
type Statement struct {
	Currency invoq.Currency `json:"currency"`
	// Lines are ordered by month, then as the plan orders its rates.
	Lines []invoq.BillLine `json:"lines"`
	// Total is the sum of the lines' rounded amounts; Exact is the sum of
	// their unrounded ones.
	Total invoq.Decimal `json:"total"`
	Exact invoq.Decimal `json:"exact"`
	// Unpriced is the usage of the period that no rate covers, by meter. It is
	// not billed, and not silently free either: show it.
	Unpriced []Unpriced `json:"unpriced,omitempty"`
	// Warnings say where a line rests on less than its rate asks for.
	Warnings []string `json:"warnings,omitempty"`
}

// Unpriced is usage that is not on the lines, and why.
type Unpriced struct {
	Meter    invoq.Meter    `json:"meter"`
	Reason   UnpricedReason `json:"reason"`
	Quantity invoq.Decimal  `json:"quantity"`
	// Charged is what it is charged in, where that is the reason.
	Charged invoq.Currency `json:"charged,omitempty"`
}

// UnpricedReason says why usage has no price.
type UnpricedReason string

// The reasons.
const (
	// NoRate: no rate of the plan selects it.
	NoRate UnpricedReason = "no rate"
	// NoCost: its rate is made of the real cost, and nobody knows that.
	NoCost UnpricedReason = "no cost"
	// OtherCurrency: no rate of the plan selects it, and the cost catalogue charges
	// for it in another currency than the plan's. Statements never say so; bills do.
	OtherCurrency UnpricedReason = "another currency"
)

// add rounds the line, once, and puts it on the statement. A line about
// nothing stays off it.
func (s *Statement) add(digits int32, line invoq.BillLine) {
	if aboutNothing(line) {
		return
	}
	line.Amount = line.Exact.Round(digits)
	s.Lines = append(s.Lines, line)
	s.Total = s.Total.Add(line.Amount)
	s.Exact = s.Exact.Add(line.Exact)
}

// aboutNothing reports whether a line says nothing. One without a quantity and
// an amount may say that earlier free units of a pool went to another rate.
func aboutNothing(l invoq.BillLine) bool {
	return l.Quantity.IsZero() && l.Free.IsZero() && l.Exact.IsZero()
}

// warnUnrounded says that a rate could not round the calls of a quantity.
func (s *Statement) warnUnrounded(r *rate, label string, quantity invoq.Decimal) {
	if !quantity.IsZero() {
		s.Warnings = append(s.Warnings, fmt.Sprintf(
			"%s: %s of %q came without single calls and are priced without rounding each",
			label, quantity, r.Label()))
	}
}
