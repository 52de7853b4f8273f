package billing_test

import (
	"context"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/ledger"
	"invoq/metering"
)

// poster posts events to the till's book.
type poster struct{ *till }

func (p poster) Post(ctx context.Context, events []invoq.Event) error {
	_, err := p.book.Post(ctx, events)
	return err
}

// postHours brings the book up to what windows say.
func (k *till) postHours() {
	k.t.Helper()
	p := metering.NewPoster(k.db, billing.NewCutter(k.db), poster{k},
		metering.PosterConfig{Lateness: 2 * time.Hour}, quiet, metrics.NewSet())
	k.must(p.Post(k.t.Context(), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))
	k.must(k.db.SumMonths(k.t.Context()))
}

// use stores invocations in the window that begins at an instant, and moves the
// count on to the end of the year. postHours posts them.
func (k *till) use(name, at string, invocations int64) {
	k.t.Helper()
	use(k.t, k.db, invoq.TenantName(name), at, invocations)
	k.must(k.db.AggregatedUntil(k.t.Context(), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))
}

// trueUp holds bills against their entries, and returns the new entries.
func (k *till) trueUp() []ledger.Entry {
	k.t.Helper()
	from := k.book.Size()
	k.must(billing.NewTrueUps(k.db, poster{k}).Run(k.t.Context()))
	return k.entries(from)
}

// billedIn returns what the entries of a period are billed in all.
func (k *till) billedIn(p invoq.Interval) invoq.Decimal {
	k.t.Helper()
	var sum invoq.Decimal
	for _, e := range k.entries(0) {
		if p.Contains(e.EventTime) {
			sum = sum.Add(e.BilledCost)
		}
	}
	return sum
}

// asked returns what a bill's lines come to at full precision: its own, or
// those that correct another.
func asked(b invoq.Bill, corrects invoq.BillID) invoq.Decimal {
	var sum invoq.Decimal
	for _, l := range b.Lines {
		if l.Corrects == corrects {
			sum = sum.Add(l.Exact)
		}
	}
	return sum
}

func (k *till) wantBilled(p invoq.Interval, want invoq.Decimal) {
	k.t.Helper()
	if got := k.billedIn(p); !got.Equal(want) {
		k.t.Errorf("entries of %s are billed %s, their bills say %s", p, got, want)
	}
}

// An issued bill adds to its entries what only the month's end has decided, once;
// what comes late is an entry of the month it was used in and on the next bill.
func TestTrueUps(t *testing.T) {
	k := openTill(t)
	d := invoq.MustDecimal
	k.tenantIn("acme", "UTC", "USD")
	plan := k.newPlanOf("USD",
		invoq.Rate{Name: "base", Kind: invoq.RateFlat, Price: d("7")},
		invoq.Rate{
			Meter: invoq.Invocations, Price: d("0.003"), FreePerMonth: d("100"), MinimumPerMonth: d("20"),
		},
	)
	k.use("acme", "2026-03-30T09:00:00Z", 1100)
	k.use("acme", "2026-03-31T09:00:00Z", 1001)
	k.postHours()
	k.wantBilled(month(time.March), d("6.003"))
	if got := k.trueUp(); len(got) != 0 {
		t.Errorf("without a bill there are true-ups: %+v", got)
	}
	march := k.issue("acme", time.March)
	got := k.trueUp()
	if len(got) != 1 || len(k.trueUp()) != 0 {
		t.Fatalf("the bill's true-ups are %+v, want one, once", got)
	}
	// 27 − 6.003
	e := got[0]
	e.TenantID, e.UserID, e.Position, e.ReceivedAt = "", "", 0, time.Time{}
	want := ledger.Entry{
		Service: "true-up", Meter: invoq.TrueUp, RequestID: "bill:" + string(march.ID),
		Labels: `{"bill":"INV-00000001"}`, EventTime: march.Period.End.Add(-time.Microsecond),
		Charge: ledger.Charge{
			Currency: "USD", Costed: true, Priced: true, BilledCost: d("20.997"), Model: ledger.ModelPlan,
		},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	k.wantBilled(month(time.March), asked(march, ""))

	// Late usage below the minimum owes nothing more, above it the rest. April's
	// bill says which.
	k.use("acme", "2026-03-31T10:00:00Z", 10000)
	k.postHours()
	k.wantBilled(month(time.March), d("57")) // As if there were no minimum.
	april := k.issue("acme", time.April)
	if got := k.trueUp(); len(got) != 2 {
		t.Errorf("April's true-ups are %+v, want April's and March's", got)
	}
	k.wantBilled(month(time.March), asked(march, "").Add(asked(april, march.ID)))
	k.wantBilled(month(time.April), asked(april, ""))
	if correction := asked(april, march.ID).String(); correction != "16.003" { // 12001 × 0.003 − 20
		t.Errorf("April's bill corrects March by %s", correction)
	}

	// The bill is void and another one in its place: the entries follow that.
	_, err := k.office.Void(t.Context(), everyone, april.ID, "wrong address")
	k.must(err)
	_, err = k.db.ChangePlan(t.Context(), everyone, plan.ID, "test", func(p *invoq.Plan) error {
		p.Rates[0].Price, p.EffectiveFrom = d("9"), "2026-04-01"
		return nil
	})
	k.must(err)
	again := k.issue("acme", time.April)
	k.trueUp()
	k.wantBilled(month(time.April), asked(again, ""))
	k.wantBilled(month(time.March), asked(march, "").Add(asked(again, march.ID)))
	if again.ID == april.ID || asked(again, "").String() != "29" {
		t.Errorf("the second bill of April asks for %s", asked(again, ""))
	}
}

// A posting of a true-up that is cut short, before or after the book has it, is
// made good by the next run.
func TestTrueUpCutShort(t *testing.T) {
	k := openTill(t)
	k.tenantIn("acme", "Europe/Berlin", "USD")
	k.newPlanOf("USD", tried()[1:3]...)
	k.use("acme", "2026-03-30T09:00:00Z", 1100)
	k.postHours()
	c, err := k.biller.Calculate(t.Context(), everyone, "acme", march())
	k.must(err)
	b, err := k.office.Finalize(t.Context(), everyone, c.Bill.ID)
	k.must(err)
	k.fails = true
	if err := billing.NewTrueUps(k.db, poster{k}).Run(t.Context()); err == nil {
		t.Fatal("the posting did not fail")
	}
	due, err := k.db.DueTrueUps(t.Context(), 10)
	k.must(err)
	if len(due) != 1 {
		t.Fatalf("%d bills are due, want 1", len(due))
	}
	// Posted, and then the note that it was is lost.
	if got := k.trueUp(); len(got) != 1 || !got[0].BilledCost.IsZero() {
		t.Errorf("true-ups are %+v, want one of nothing", got)
	}
	conn := k.connect()
	if _, err := conn.Exec(t.Context(),
		`INSERT INTO bill_true_ups (bill_id, tenant_id) VALUES ($1, $2)`, b.ID, b.TenantID); err != nil {
		t.Fatal(err)
	}
	if got := k.trueUp(); len(got) != 0 {
		t.Errorf("posted twice: %+v", got)
	}
	k.wantBilled(march(), asked(b, ""))
}

// What functions use under a plan is priced in margins, and margins are the
// sums of the entries, however they are cut.
func TestMarginsOfFunctions(t *testing.T) {
	k := openTill(t)
	k.catalogue()
	k.tenantIn("acme", "UTC", "USD")
	k.newPlanOf("USD", tried()...)
	k.use("acme", "2026-03-30T09:00:00Z", 1100)
	k.use("acme", "2026-03-31T09:00:00Z", 77)
	k.postHours()
	k.post(k.event("acme", invoq.AITokens, "chat", "3", noon),
		k.event("acme", invoq.APIRequest, "api", "71", noon))
	var real, billed invoq.Decimal
	for _, e := range k.entries(0) {
		real, billed = real.Add(e.RealCost), billed.Add(e.BilledCost)
	}
	// 0.03 × 1.5 for tokens, two packages, and 1127 × 0.7 less a tenth.
	if billed.String() != "720.055" || real.String() != "0.101" {
		t.Errorf("entries cost %s and are billed %s", real, billed)
	}
	for _, by := range []ledger.MarginBy{
		ledger.ByUser, ledger.ByTenant, ledger.ByService, ledger.ByResource, ledger.ByDay, ledger.ByMonth,
	} {
		all, err := k.db.Margins(t.Context(), everyone, ledger.MarginQuery{
			By: by, Interval: month(time.March), Limit: 100,
		})
		k.must(err)
		var rows, totals ledger.Margin
		for _, m := range all {
			sum := &rows
			if m.Total {
				sum = &totals
			}
			sum.RealCost, sum.BilledCost = sum.RealCost.Add(m.RealCost), sum.BilledCost.Add(m.BilledCost)
			if m.Key == "waiter" && (m.BilledCost.IsZero() || by != ledger.ByService) {
				t.Errorf("functions are billed %s", m.BilledCost)
			}
		}
		for _, sum := range []ledger.Margin{rows, totals} {
			if !sum.RealCost.Equal(real) || !sum.BilledCost.Equal(billed) {
				t.Errorf("by %s margins are %s of %s, entries %s of %s", by, sum.BilledCost, sum.RealCost, billed, real)
			}
		}
	}
}
