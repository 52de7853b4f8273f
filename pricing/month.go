package pricing

import (
	"time"

	"invoq"
)

// planMinimum is what lines call the plan's own minimum charge.
const planMinimum = "minimum"

// month prices one calendar month's stretch of a period.
type month struct {
	sheet   *Sheet
	zone    *time.Location
	stretch stretch
	index   int // of the stretch
	// before and whole are the shared free units used up to where the period
	// enters the month, and up to where it leaves it.
	before, whole pools
	charged       invoq.Decimal // the month's charge so far, all rates, exact
	statement     *Statement
}

// price adds the month's lines to the statement.
func (m *month) price(byRate [][]*slot) error {
	for i := range m.sheet.rates {
		r := &m.sheet.rates[i]
		if r.Kind == invoq.RateFlat {
			m.fee(r)
			continue
		}
		u := usedOf(byRate[i], m.index)
		if err := u.check(r, m.stretch.label); err != nil {
			return err
		}
		m.statement.warnUnrounded(r, m.stretch.label, u.unrounded)
		m.usage(r, u)
	}
	if m.stretch.closed() {
		lack := shortfall(m.charged, m.sheet.plan.MinimumPerMonth)
		m.add(invoq.BillLine{Rate: planMinimum, Kind: invoq.LineMinimum}, lack)
	}
	return nil
}

// fee adds the line of a flat fee.
func (m *month) fee(r *rate) {
	s := feeStep(r, m.stretch, m.zone)
	m.charged = m.charged.Add(feeSoFar(r, m.stretch.month, m.stretch.to, m.zone))
	line := m.line(r, invoq.LineFee)
	line.Quantity, line.Billable = s.Quantity, s.Quantity
	line.Steps = []invoq.LineStep{s}
	m.add(line, s.Amount)
}

// usage adds the lines of a rate that prices usage.
func (m *month) usage(r *rate, u used) {
	before := r.soFar(u, m.before, false)
	whole := r.soFar(u, m.whole, true)
	terms := r.terms(whole)
	charges := r.charges(whole, terms)
	earlier := r.charges(before, terms)
	for i, kind := range []invoq.LineKind{invoq.LineUsage, invoq.LineOverage} {
		steps := difference(charges[i], earlier[i])
		m.usageLine(r, kind, steps, whole.less(before), terms, u)
	}
	m.reprice(r, before, terms, total(earlier[:]...))
	due := terms.kept(total(charges[:]...))
	if m.stretch.closed() {
		due = due.Add(m.close(r, whole, due))
	}
	m.charged = m.charged.Add(due)
}

// usageLine adds a line for the steps of usage in the period.
func (m *month) usageLine(r *rate, kind invoq.LineKind, steps []invoq.LineStep, in soFar, t terms, u used) {
	line := m.line(r, kind)
	line.Steps = steps
	line.Off, line.Spot = t.off, !r.SpotOff.IsZero()
	over := quantityOf(steps)
	if kind == invoq.LineOverage {
		line.Quantity, line.Billable = over, over
	} else {
		line.Quantity, line.Free, line.Billable = in.quantity, in.free, in.quantity.Sub(in.free)
		if r.Kind == invoq.RateReserved {
			line.Quantity, line.Billable = in.free.Add(over), over
		}
		line.Inputs = u.inputs
		line.Cost = in.cost
	}
	if len(steps) == 1 && steps[0].Quantity.Cmp(line.Billable) == 0 && !r.costPlus() {
		line.Price = steps[0].Price
	}
	m.add(line, total(steps))
}

// reprice adds the line for units of the month from before the period, where
// the volume of the whole month gives them other terms than they had.
func (m *month) reprice(r *rate, before soFar, t terms, earlier invoq.Decimal) {
	was := r.terms(before)
	charges := r.charges(before, was)
	then, now := was.kept(total(charges[:]...)), t.kept(earlier)
	line := m.line(r, invoq.LineReprice)
	line.Steps = []invoq.LineStep{
		{Label: "earlier units at the new terms", Quantity: before.billable(), Amount: now},
		{Label: "as they were priced", Quantity: before.billable().Neg(), Amount: then.Neg()},
	}
	m.add(line, now.Sub(then))
}

// close adds what a month owes only when it has ended, and returns it.
func (m *month) close(r *rate, whole soFar, due invoq.Decimal) invoq.Decimal {
	var more invoq.Decimal
	if r.Kind == invoq.RateReserved {
		s := unused(whole.billable(), r)
		line := m.line(r, invoq.LineUnused)
		line.Quantity, line.Billable, line.Price = s.Quantity, s.Quantity, s.Price
		line.Steps = []invoq.LineStep{s}
		m.add(line, s.Amount)
		more = s.Amount
	}
	lack := shortfall(due.Add(more), r.MinimumPerMonth)
	m.add(m.line(r, invoq.LineMinimum), lack)
	return more.Add(lack)
}

// line returns the head of a line.
func (m *month) line(r *rate, kind invoq.LineKind) invoq.BillLine {
	return invoq.BillLine{Rate: r.Label(), Kind: kind, Model: r.Kind, Meter: r.Meter}
}

// add completes a line with its list price and puts it on the statement.
func (m *month) add(line invoq.BillLine, list invoq.Decimal) {
	line.Month = m.stretch.label
	line.List = list
	line.Exact = terms{off: line.Off}.kept(list)
	m.statement.add(m.sheet.digits, line)
}
