package billing

import (
	"cmp"
	"fmt"
	"slices"

	"invoq"
	"invoq/ledger"
	"invoq/postgres"
	"invoq/pricing"
)

// catalogueLine ends the name of a line that the cost catalogue charges.
const catalogueLine = " by the cost catalogue"

// FromCatalogue reports whether the line is what the cost catalogue charges, and
// not a rate of the plan.
func FromCatalogue(l invoq.BillLine) bool { return l.Rate == string(l.Meter)+catalogueLine }

// charged sums what was charged by one model of the cost catalogue for one
// meter in one month.
type charged struct {
	month string
	meter invoq.Meter
	model invoq.RateKind

	quantity, cost, amount invoq.Decimal
	inputs                 map[service]invoq.Decimal
}

// kindOf returns the kind of rate that a model of the cost catalogue is, or
// false for entries that the catalogue charged nothing for.
func kindOf(model string) (invoq.RateKind, bool) {
	switch ledger.Model(model) {
	case ledger.ModelFree:
		return invoq.RateFree, true
	case ledger.ModelFixed:
		return invoq.RateFixed, true
	case ledger.ModelMarkup:
		return invoq.RateMarkup, true
	case ledger.ModelSubsidized:
		return invoq.RateSubsidized, true
	}
	return "", false
}

// charge adds lines for the part's usage that no rate of its plan covers and
// that the cost catalogue has charged for: what its entries say.
func (a *account) charge(
	st *statement, p part, book [][]postgres.BookUsage, t tags,
) error {
	digits, err := pricing.Digits(a.tenant.Currency)
	if err != nil {
		return err
	}
	lines := a.chargedLines(p, book, t)
	for i := range lines {
		l := &lines[i]
		l.Amount = l.Exact.Round(digits)
		st.total, st.exact = st.total.Add(l.Amount), st.exact.Add(l.Exact)
		st.unpriced = takeUnpriced(st.unpriced, l.Meter, l.Quantity)
		if len(a.parts) > 1 {
			mark(l, p.billPart())
		}
	}
	st.lines = append(st.lines, lines...)
	for _, u := range a.chargedElsewhere(p, book, t) {
		st.unpriced = addUnpriced(st.unpriced, []pricing.Unpriced{u})
		st.unpriced = takeUnpriced(st.unpriced, u.Meter, u.Quantity)
	}
	return nil
}

// chargedLines returns these lines without their rounded amounts, by month,
// meter and model.
func (a *account) chargedLines(p part, book [][]postgres.BookUsage, t tags) []invoq.BillLine {
	var all []*charged
	a.eachCharged(p, book, t, func(month string, kind invoq.RateKind, u *postgres.BookUsage) {
		if u.Currency == a.tenant.Currency {
			all = addCharged(all, month, kind, u)
		}
	})
	slices.SortFunc(all, func(x, y *charged) int {
		return cmp.Or(cmp.Compare(x.month, y.month), cmp.Compare(x.meter, y.meter),
			cmp.Compare(x.model, y.model))
	})
	lines := make([]invoq.BillLine, len(all))
	for i, c := range all {
		lines[i] = c.line()
	}
	return lines
}

// chargedElsewhere returns what the cost catalogue charges for in another
// currency than the bill's, which therefore cannot be on it.
func (a *account) chargedElsewhere(
	p part, book [][]postgres.BookUsage, t tags,
) (all []pricing.Unpriced) {
	a.eachCharged(p, book, t, func(_ string, _ invoq.RateKind, u *postgres.BookUsage) {
		if u.Currency != a.tenant.Currency {
			all = addUnpriced(all, []pricing.Unpriced{{
				Meter: u.Meter, Reason: pricing.OtherCurrency, Charged: u.Currency, Quantity: u.Quantity,
			}})
		}
	})
	return all
}

// eachCharged calls do for the part's usage that no rate of its plan covers and
// that the cost catalogue has charged for, in whatever currency.
func (a *account) eachCharged(
	p part, book [][]postgres.BookUsage, t tags,
	do func(month string, kind invoq.RateKind, u *postgres.BookUsage),
) {
	for i, us := range book {
		start := a.spans[i].Interval.Start
		if !p.Contains(start) {
			continue
		}
		month := start.In(a.period.Zone).Format("2006-01")
		for j := range us {
			u := &us[j]
			if kind, ok := kindOf(u.Model); ok && !p.sheet.Covers(sourceOf(u, t), u.Meter) {
				do(month, kind, u)
			}
		}
	}
}

// unbilled says why usage without a price is not on a bill in the currency.
func unbilled(u pricing.Unpriced, currency invoq.Currency) string {
	if u.Reason == pricing.OtherCurrency {
		return fmt.Sprintf("%s %s are not billed: they are charged in %s by the cost catalogue, and the bill is in %s",
			u.Quantity, u.Meter, u.Charged, currency)
	}
	return fmt.Sprintf("%s %s are not billed: %s prices them", u.Quantity, u.Meter, u.Reason)
}

// addCharged counts a sum of entries in.
func addCharged(all []*charged, month string, kind invoq.RateKind, u *postgres.BookUsage) []*charged {
	at := slices.IndexFunc(all, func(c *charged) bool {
		return c.month == month && c.meter == u.Meter && c.model == kind
	})
	if at < 0 {
		at = len(all)
		all = append(all, &charged{
			month: month, meter: u.Meter, model: kind, inputs: map[service]invoq.Decimal{},
		})
	}
	c := all[at]
	c.quantity, c.cost = c.quantity.Add(u.Quantity), c.cost.Add(u.RealCost)
	c.amount = c.amount.Add(u.Billed)
	s := service{u.Namespace, u.Service}
	c.inputs[s] = c.inputs[s].Add(u.Quantity)
	return all
}

// line returns the line of a bill.
func (c *charged) line() invoq.BillLine {
	l := invoq.BillLine{
		Rate: string(c.meter) + catalogueLine, Kind: invoq.LineUsage, Model: c.model, Meter: c.meter,
		Month: c.month, Quantity: c.quantity, Billable: c.quantity, Cost: c.cost, List: c.amount, Exact: c.amount,
		Steps: []invoq.LineStep{{Label: string(c.model), Quantity: c.quantity, Amount: c.amount}},
	}
	for s, quantity := range c.inputs {
		if !quantity.IsZero() {
			l.Inputs = append(l.Inputs, invoq.LineInput{
				Namespace: s.namespace, Service: s.name, Quantity: quantity,
			})
		}
	}
	slices.SortFunc(l.Inputs, func(a, b invoq.LineInput) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service))
	})
	return l
}

// takeUnpriced takes what has a price after all from what no rate covers.
func takeUnpriced(all []pricing.Unpriced, m invoq.Meter, quantity invoq.Decimal) []pricing.Unpriced {
	for i := range all {
		if u := &all[i]; u.Meter == m && u.Reason == pricing.NoRate {
			u.Quantity = u.Quantity.Sub(quantity)
		}
	}
	return slices.DeleteFunc(all, func(u pricing.Unpriced) bool { return u.Quantity.IsZero() })
}
