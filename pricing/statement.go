package pricing

import "invoq"

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
}

// Unpriced is usage of a meter that no rate of the plan covers.
type Unpriced struct {
	Meter    invoq.Meter   `json:"meter"`
	Quantity invoq.Decimal `json:"quantity"`
}

// add rounds the line, once, and puts it on the statement. A line about
// nothing stays off it.
func (s *Statement) add(digits int32, line invoq.BillLine) {
	if line.Quantity.IsZero() && line.Exact.IsZero() {
		return
	}
	line.Amount = line.Exact.Round(digits)
	s.Lines = append(s.Lines, line)
	s.Total = s.Total.Add(line.Amount)
	s.Exact = s.Exact.Add(line.Exact)
}
