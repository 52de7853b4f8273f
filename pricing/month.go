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
		m.minimum(invoq.BillLine{Rate: planMinimum}, m.charged, m.sheet.plan.MinimumPerMonth)
	}
	return nil
}

// fee adds the line of a flat fee.
func (m *month) fee(r *rate) {
	s := feeStep(r, m.stretch, m.zone)
	m.charged = m.charged.Add(feeSoFar(r, m.stretch.month, m.stretch.to, m.zone))
	m.stepLine(r, invoq.LineFee, []invoq.LineStep{s})
}

// usage adds the lines of a rate that prices usage.
func (m *month) usage(r *rate, u used) {
	before := r.soFar(u, m.before, false)
	whole := r.soFar(u, m.whole, true)
	t := r.terms(whole)
	now, earlier := r.charges(whole, t), r.charges(before, t)
	m.usageLine(r, difference(now.usage, earlier.usage), whole.less(before), t, u.inputs)
	m.stepLine(r, invoq.LineOverage, difference(now.over, earlier.over))
	m.reprice(r, before, t, earlier.list())
	due := t.kept(now.list())
	if m.stretch.closed() {
		due = due.Add(m.close(r, whole, due))
	}
	m.charged = m.charged.Add(due)
}

// usageLine adds the line for what was used in the period.
func (m *month) usageLine(r *rate, steps []invoq.LineStep, in soFar, t terms, by inputs) {
	line := m.line(r, invoq.LineUsage)
	line.Steps, line.Inputs = steps, by
	line.Off, line.Spot = t.off, !r.SpotOff.IsZero()
	line.Free, line.Cost, line.Billable = in.free, in.cost, in.billable()
	if r.Kind == invoq.RateReserved {
		line.Billable = quantityOf(steps) // The rest is overage.
	}
	line.Quantity = line.Billable.Add(line.Free)
	if len(steps) == 1 && steps[0].Quantity.Equal(line.Billable) && !r.costPlus() {
		line.Price = steps[0].Price
	}
	m.add(line, total(steps))
}

// stepLine adds a line that is steps and nothing else: no free units, no
// discounts.
func (m *month) stepLine(r *rate, kind invoq.LineKind, steps []invoq.LineStep) {
	line := m.line(r, kind)
	line.Steps = steps
	line.Billable = quantityOf(steps)
	line.Quantity = line.Billable
	if len(steps) == 1 && r.Kind == invoq.RateReserved {
		line.Price = steps[0].Price
	}
	m.add(line, total(steps))
}

// reprice adds the line for units of the month from before the period, where
// the volume of the whole month gives them other terms than they had.
func (m *month) reprice(r *rate, before soFar, t terms, earlier invoq.Decimal) {
	was := r.terms(before)
	// Fast path: at the same terms nothing is due, and no line comes of it.
	if was.tier == t.tier && was.off.Equal(t.off) {
		return
	}
	then, now := was.kept(r.charges(before, was).list()), t.kept(earlier)
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
		m.stepLine(r, invoq.LineUnused, []invoq.LineStep{s})
		more = s.Amount
	}
	return more.Add(m.minimum(m.line(r, invoq.LineMinimum), due.Add(more), r.MinimumPerMonth))
}

// minimum adds the line for what a charge lacks to its minimum, and returns it.
func (m *month) minimum(line invoq.BillLine, charged, minimum invoq.Decimal) invoq.Decimal {
	line.Kind = invoq.LineMinimum
	line.Steps = shortfall(charged, minimum)
	m.add(line, total(line.Steps))
	return total(line.Steps)
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
