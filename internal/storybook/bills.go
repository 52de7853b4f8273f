package storybook

import (
	"fmt"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/dashboards"
	"invoq/pricing"
)

// bills are those of the months before: a draft, and issued ones with what
// became of them. The biller prices them, by the plan that was in force.
func (t *teller) bills(biller *billing.Biller, c *client) []invoq.Bill {
	zone, err := c.Location()
	t.fail(err)
	var all []invoq.Bill
	for i := range 4 {
		month := pricing.NewMonth(Now.Year(), Now.Month()-time.Month(i+1), zone)
		bill, err := biller.Preview(t.ctx, invoq.Everyone(), string(c.ID), month.Interval)
		t.fail(err)
		b := bill.Bill
		b.ID = invoq.BillID(fmt.Sprintf("0193a6c2-0000-7000-8000-%012d", i+1))
		b.Status, b.CreatedAt = invoq.BillDraft, month.End.Add(time.Hour)
		if i > 0 {
			t.issue(&b, i)
		}
		all = append(all, b)
	}
	correct(&all[0], all[1])
	return all
}

// issue makes a bill final, paid or void.
func (t *teller) issue(b *invoq.Bill, i int) {
	b.Number = fmt.Sprintf("INV-%06d", 40-i)
	b.Status, b.FinalizedAt = invoq.BillFinal, b.CreatedAt.Add(26*time.Hour)
	switch i {
	case 2:
		b.Status, b.PaidAt, b.Payment = invoq.BillPaid, b.FinalizedAt.Add(90*time.Hour), "transfer 8812"
	case 3:
		b.Status, b.VoidedAt = invoq.BillVoid, b.FinalizedAt.Add(40*time.Hour)
		b.VoidReason = "sent to the wrong address"
	}
}

// correct puts on a bill that another one had charged an hour too much.
func correct(b *invoq.Bill, wrong invoq.Bill) {
	if len(wrong.Lines) == 0 {
		return
	}
	l := wrong.Lines[0]
	l.Corrects, l.Inputs, l.Steps, l.Free = wrong.ID, nil, nil, invoq.Decimal{}
	l.Quantity = invoq.NewDecimal(-182_000, 0)
	l.Billable, l.Exact = l.Quantity, l.Quantity.Mul(l.Price)
	l.Amount = l.Exact.Round(2)
	b.Lines = append(b.Lines, l)
	b.Total = b.Total.Add(l.Amount)
}

// credits are what was taken back of the issued bills.
func credits(bills []invoq.Bill) map[invoq.BillID][]invoq.CreditNote {
	b := bills[2]
	return map[invoq.BillID][]invoq.CreditNote{b.ID: {{
		Number: "CN-000004", BillID: b.ID, Currency: b.Currency, Amount: invoq.NewDecimal(250, -2),
		Reason: "an hour's outage", CreatedAt: b.PaidAt.Add(50 * time.Hour),
	}}}
}

// older is a version of the standard plan that the present one has taken over
// from in the middle of October.
func older() (before, now invoq.Plan) {
	before = standard(1, "USD", func(p *invoq.Plan) {
		p.Version, p.Rates[0].Price = 2, invoq.MustDecimal("0.25")
	})
	now = standard(1, "USD", func(p *invoq.Plan) { p.EffectiveFrom = "2026-10-16" })
	return before, now
}

// runs are states of the last bill run.
func runs() (finished, parked, running *dashboards.BillRun) {
	finished = &dashboards.BillRun{
		Month: "2026-10", Finalize: true, CreatedAt: Now.Add(-20 * time.Hour),
		FinishedAt: Now.Add(-20*time.Hour + 9*time.Second), Tenants: 8, Final: 7, Kept: 1,
	}
	some := *finished
	some.Final, some.Parked = 2, 5
	for _, c := range groves()[:4] {
		some.ParkedTenants = append(some.ParkedTenants, dashboards.ParkedTenant{
			ID: c.ID, Name: c.Name, Problem: "no active plan in USD prices tenant \"" + string(c.Name) +
				"\": create one, or assign one to the tenant",
		})
	}
	under := *finished
	under.FinishedAt, under.Tenants, under.Final, under.Drafted = time.Time{}, 12_000, 0, 4_250
	return finished, &some, &under
}
