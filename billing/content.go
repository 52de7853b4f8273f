package billing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"invoq"
	"invoq/pricing"
)

// content is what a bill says, in the order of its canonical bytes: JSON with
// these fields, decimals in plain notation, times in RFC 3339 and UTC. It has
// nothing of the bill's life, so that computing it again gives the same bytes.
type content struct {
	TenantID invoq.TenantID   `json:"tenant_id"`
	Period   invoq.Interval   `json:"period"`
	Timezone string           `json:"timezone"`
	Currency invoq.Currency   `json:"currency"`
	Parts    []invoq.BillPart `json:"parts"`
	Lines    []invoq.BillLine `json:"lines"`
	Total    invoq.Decimal    `json:"total"`
	Warnings []string         `json:"warnings,omitempty"`
	invoq.Pinned
}

// Canonical returns the canonical bytes of a bill, whose SHA-256 the bill shows.
func Canonical(b invoq.Bill) []byte {
	c := content{
		TenantID: b.TenantID, Period: b.Period, Timezone: b.Timezone, Currency: b.Currency,
		Parts: b.Parts, Lines: b.Lines, Total: b.Total, Warnings: b.Warnings,
		Pinned: b.Pinned,
	}
	if c.Lines == nil {
		c.Lines = []invoq.BillLine{}
	}
	out, err := json.Marshal(c)
	if err != nil {
		panic("BUG: a bill is not JSON: " + err.Error())
	}
	return out
}

// hash returns the SHA-256 of a bill's canonical bytes, in hexadecimal.
func hash(b invoq.Bill) string {
	sum := sha256.Sum256(Canonical(b))
	return hex.EncodeToString(sum[:])
}

// seal checks a draft and gives it its hash. A bill whose figures do not agree
// panics: nobody may get it.
func seal(b *invoq.Bill) {
	if problem := disagreement(*b); problem != "" {
		panic("BUG: bill of tenant " + string(b.TenantID) + ": " + problem)
	}
	b.SHA256 = hash(*b)
}

// disagreement says which figures of a bill contradict each other, or nothing.
func disagreement(b invoq.Bill) string {
	digits, err := pricing.Digits(b.Currency)
	if err != nil {
		return err.Error()
	}
	var total invoq.Decimal
	for i := range b.Lines {
		l := &b.Lines[i]
		total = total.Add(l.Amount)
		// A correction is the difference of two rounded lines, not itself rounded.
		if l.Corrects == "" {
			if problem := lineDisagreement(l, digits); problem != "" {
				return fmt.Sprintf("line %d, %s: %s", i, l.Rate, problem)
			}
		}
	}
	if !total.Equal(b.Total) {
		return fmt.Sprintf("the lines add up to %s, the total is %s", total, b.Total)
	}
	return partsDisagreement(b)
}

func lineDisagreement(l *invoq.BillLine, digits int32) string {
	var steps, inputs invoq.Decimal
	for _, s := range l.Steps {
		steps = steps.Add(s.Amount)
	}
	for _, in := range l.Inputs {
		inputs = inputs.Add(in.Quantity)
	}
	switch {
	case !l.Exact.Round(digits).Equal(l.Amount):
		return fmt.Sprintf("%s is not %s rounded", l.Amount, l.Exact)
	case !steps.Equal(l.List):
		return fmt.Sprintf("the steps add up to %s, the list price is %s", steps, l.List)
	case !l.List.Sub(l.List.Mul(l.Off)).Equal(l.Exact):
		return fmt.Sprintf("%s less %s of it is not %s", l.List, l.Off, l.Exact)
	case !l.Free.Add(l.Billable).Equal(l.Quantity):
		return fmt.Sprintf("%s free and %s billable are not %s", l.Free, l.Billable, l.Quantity)
	case l.Model != invoq.RateReserved && len(l.Inputs) > 0 && !inputs.Equal(l.Quantity):
		return fmt.Sprintf("its services used %s, the quantity is %s", inputs, l.Quantity)
	}
	return ""
}

// partsDisagreement says where the parts leave the period or each other.
func partsDisagreement(b invoq.Bill) string {
	at := b.Period.Start
	for _, p := range b.Parts {
		if !p.Period.Start.Equal(at) || !p.Period.End.After(at) {
			return fmt.Sprintf("part %s does not begin at %s", p.Period, at)
		}
		at = p.Period.End
	}
	if !at.Equal(b.Period.End) {
		return fmt.Sprintf("the parts end at %s, the period at %s", at, b.Period.End)
	}
	return ""
}
