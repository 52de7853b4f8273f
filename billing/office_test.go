package billing_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"invoq"
	"invoq/billing"
	"invoq/internal/booktest"
	"invoq/internal/pgtest"
	"invoq/postgres"
)

var everyone = invoq.Everyone()

// desk is an office over a database of its own, with a plan at 0.01 USD an
// invocation and the first 100 of a month free.
type desk struct {
	t      testing.TB
	url    string
	db     *postgres.DB
	office *billing.Office
	biller *billing.Biller
	plan   invoq.Plan
}

func openDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t, url: pgtest.URL(t)}
	d.db = openFrom(t, d.url)
	d.biller = billing.New(d.db)
	d.office = billing.NewOffice(d.db, 2*time.Hour, time.Now)
	d.plan = d.newPlan("standard", "0.01")
	return d
}

func (d *desk) newPlan(name, price string) invoq.Plan {
	d.t.Helper()
	p, err := d.db.CreatePlan(d.t.Context(), everyone, invoq.Plan{
		Name: name, Currency: "USD", Active: name == "standard", Rates: []invoq.Rate{{
			Meter: invoq.Invocations, Price: invoq.MustDecimal(price), FreePerMonth: invoq.NewDecimal(100, 0),
		}},
	}, "test")
	d.must(err)
	return p
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) tenant(name, zone string) invoq.Tenant {
	d.t.Helper()
	t, err := d.db.CreateTenant(d.t.Context(), everyone, invoq.Tenant{
		Name: invoq.TenantName(name), Currency: "USD", Timezone: zone,
	})
	d.must(err)
	return t
}

// use stores invocations in the window that begins at an instant, moves the count
// on to the end of the year, and posts what was counted to the book.
func (d *desk) use(name, at string, invocations int64) {
	d.t.Helper()
	use(d.t, d.db, invoq.TenantName(name), at, invocations)
	d.must(d.db.AggregatedUntil(d.t.Context(), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))
	booktest.Post(d.t, d.db)
}

// connect returns a connection as the database's owner.
func (d *desk) connect() *pgx.Conn {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.url)
	d.must(err)
	d.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func month(m time.Month) invoq.Interval {
	return invoq.Interval{
		Start: time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, m+1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func (d *desk) draft(name string, m time.Month) invoq.Bill {
	d.t.Helper()
	c, err := d.biller.Calculate(d.t.Context(), everyone, name, month(m))
	d.must(err)
	return c.Bill
}

func (d *desk) issue(name string, m time.Month) invoq.Bill {
	d.t.Helper()
	b, err := d.office.Finalize(d.t.Context(), everyone, d.draft(name, m).ID)
	d.must(err)
	return b
}

func wantKind(t testing.TB, err error, want invoq.Kind) {
	t.Helper()
	if got := invoq.KindOf(err); got != want {
		t.Errorf("error is of kind %q, want %q: %v", got, want, err)
	}
}

// lines says what a bill's lines come to.
func lines(b invoq.Bill) []string {
	out := []string{}
	for _, l := range b.Lines {
		text := fmt.Sprintf("%s %s %s − %s = %s", l.Month, l.Rate, l.Quantity, l.Free, l.Amount)
		if l.Corrects != "" {
			text += " corrects"
		}
		out = append(out, text)
	}
	return append(out, "total "+b.Total.String())
}

func wantLines(t testing.TB, b invoq.Bill, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, lines(b)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// From draft to paid: numbers without gaps, and nothing of an issued bill
// changes any more.
func TestLifeOfABill(t *testing.T) {
	d := openDesk(t)
	ctx := t.Context()
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	draft := d.draft("acme", time.March)
	if draft.Number != "" || draft.SHA256 == "" || draft.Total.String() != "10" {
		t.Errorf("draft %+v", draft)
	}
	final, err := d.office.Finalize(ctx, everyone, draft.ID)
	d.must(err)
	again, err := d.office.Finalize(ctx, everyone, draft.ID)
	d.must(err)
	if diff := cmp.Diff(final, again); diff != "" || final.Number != "INV-00000001" {
		t.Errorf("final %q, again:\n%s", final.Number, diff)
	}
	_, err = d.biller.Calculate(ctx, everyone, "acme", month(time.March))
	wantKind(t, err, invoq.KindConflict)
	// By number, as people name bills.
	paid, err := d.office.Pay(ctx, everyone, "INV-00000001", "bank-1")
	d.must(err)
	if paid.Status != invoq.BillPaid || paid.PaidAt.IsZero() {
		t.Errorf("paid %+v", paid)
	}
	_, err = d.office.Pay(ctx, everyone, draft.ID, "bank-1")
	d.must(err)
	_, err = d.office.Pay(ctx, everyone, draft.ID, "bank-2")
	wantKind(t, err, invoq.KindConflict)
	_, err = d.office.Void(ctx, everyone, draft.ID, "a mistake")
	wantKind(t, err, invoq.KindConflict)

	april := d.issue("acme", time.April)
	if april.Number != "INV-00000002" {
		t.Errorf("April is %q", april.Number)
	}
	_, err = d.office.Void(ctx, everyone, april.ID, "")
	wantKind(t, err, invoq.KindUnprocessable)
	void, err := d.office.Void(ctx, everyone, april.ID, "a mistake")
	d.must(err)
	if void.Number != "INV-00000002" || void.VoidReason != "a mistake" {
		t.Errorf("void %+v", void)
	}
	if b := d.issue("acme", time.April); b.Number != "INV-00000003" || b.ID == april.ID {
		t.Errorf("billed again as %q", b.Number)
	}
	_, err = d.office.Finalize(ctx, everyone, april.ID)
	wantKind(t, err, invoq.KindConflict)
	_, err = d.office.Pay(ctx, everyone, april.ID, "bank-3")
	wantKind(t, err, invoq.KindConflict)
}

// The database itself keeps issued bills as they are, even from its owner.
func TestIssuedBillsNeverChange(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	b := d.issue("acme", time.March)
	_, err := d.office.Credit(t.Context(), everyone, invoq.CreditNote{
		BillID: b.ID, Reference: "r", Amount: invoq.MustDecimal("1"), Reason: "outage", CreatedBy: "test",
	})
	d.must(err)
	conn := d.connect()
	for _, sql := range []string{
		`UPDATE bills SET total_amount = 0`,
		`UPDATE bills SET line_items = '[]'`,
		`UPDATE bills SET number = 'INV-1'`,
		`UPDATE bills SET sha256 = ''`,
		`UPDATE bills SET status = 'draft', number = NULL, finalized_at = NULL`,
		`DELETE FROM bills`,
		`TRUNCATE bills CASCADE`,
		`INSERT INTO bills SELECT (jsonb_populate_record(b, '{"id": "00000000-0000-0000-0000-000000000001",
			"period_start": "2025-01-01", "period_end": "2025-02-01", "number": "x"}')).* FROM bills b`,
		`UPDATE credit_notes SET amount = 0.5`,
		`DELETE FROM credit_notes`,
		`UPDATE pricing_plans SET rates = '[]'`,
		`DELETE FROM pricing_plans`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "IV001") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	got, err := d.db.FindBill(t.Context(), everyone, b.ID)
	if diff := cmp.Diff(b, got); err != nil || diff != "" {
		t.Errorf("the bill changed: %v\n%s", err, diff)
	}
}

// A bill is final only when its period is over and counted, its draft is still
// true, and no other bill has a part of its period.
func TestFinalizeRefuses(t *testing.T) {
	d := openDesk(t)
	ctx := t.Context()
	d.tenant("acme", "UTC")
	use(t, d.db, "acme", "2026-03-31T22:55:00Z", 300)
	booktest.Post(t, d.db)
	b := d.draft("acme", time.March)
	_, err := d.office.Finalize(ctx, everyone, b.ID)
	wantKind(t, err, invoq.KindConflict)
	if !strings.Contains(err.Error(), "it is in the book until 2026-03-31T23:00:00Z") {
		t.Errorf("error %v", err)
	}
	// The last window of the month comes late, within the grace.
	d.use("acme", "2026-03-31T23:55:00Z", 50)
	_, err = d.office.Finalize(ctx, everyone, b.ID)
	wantKind(t, err, invoq.KindConflict)
	if !strings.Contains(err.Error(), "it says 2, they come to 2.5") {
		t.Errorf("error %v", err)
	}
	d.issue("acme", time.March)
	half := invoq.Interval{Start: month(time.March).Start.AddDate(0, 0, 14), End: month(time.April).End}
	c, err := d.biller.Calculate(ctx, everyone, "acme", half)
	d.must(err)
	_, err = d.office.Finalize(ctx, everyone, c.Bill.ID)
	wantKind(t, err, invoq.KindConflict)
	// What failed took no number.
	if b := d.issue("acme", time.April); b.Number != "INV-00000002" {
		t.Errorf("the next number is %q", b.Number)
	}
}

// Numbers have no gaps, whoever finalizes at the same time and whatever fails.
func TestNumbersHaveNoGaps(t *testing.T) {
	d := openDesk(t)
	const n = 12
	drafts := make([]invoq.Bill, n)
	for i := range drafts {
		name := fmt.Sprintf("t%02d", i)
		d.tenant(name, "UTC")
		d.use(name, "2026-03-10T09:00:00Z", 1100)
		drafts[i] = d.draft(name, time.March)
	}
	var all sync.WaitGroup
	for i := range 2 * n {
		all.Go(func() {
			b := drafts[i/2]
			if i%2 == 0 {
				// Another content than the draft has: refused after the number was taken.
				_, err := d.db.FinalizeBill(t.Context(), everyone, postgres.Final{Bill: b.ID, SHA256: "other", At: time.Now()})
				wantKind(t, err, invoq.KindConflict)
				return
			}
			if _, err := d.office.Finalize(t.Context(), everyone, b.ID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	numbers := map[string]bool{}
	for _, b := range drafts {
		b, err := d.db.FindBill(t.Context(), everyone, b.ID)
		d.must(err)
		numbers[b.Number] = true
	}
	for i := 1; i <= n; i++ {
		if !numbers[fmt.Sprintf("INV-%08d", i)] {
			t.Errorf("number %d is on no bill of %v", i, numbers)
		}
	}
}

// Usage that comes after a bill was issued is on the next one, once, under the
// name of the bill it corrects; what the bill says stays.
func TestLateUsageIsCorrectedOnce(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	d.use("acme", "2026-04-10T09:00:00Z", 200)
	march := d.issue("acme", time.March)
	d.use("acme", "2026-03-20T09:00:00Z", 55)
	april := d.draft("acme", time.April)
	wantLines(t, april,
		"2026-04 invocations 200 − 100 = 1", "2026-03 invocations 55 − 0 = 0.55 corrects", "total 1.55")
	if l := april.Lines[1]; l.Corrects != march.ID || l.Period != march.Period {
		t.Errorf("correction %+v", l)
	}
	april = d.issue("acme", time.April)
	wantLines(t, d.draft("acme", time.May), "total 0")
	got, err := d.office.Recompute(t.Context(), everyone, march.ID)
	if err != nil || !got.Agrees() || len(got.Corrections) != 0 {
		t.Errorf("March agrees %v, lacks %v: %v", got.Agrees(), got.Corrections, err)
	}
	got, err = d.office.Recompute(t.Context(), everyone, april.ID)
	if err != nil || !got.Agrees() {
		t.Errorf("April agrees %v: %v", got.Agrees(), err)
	}
	// Usage that turns out to be less is given back.
	d.use("acme", "2026-03-20T09:00:00Z", 5)
	wantLines(t, d.draft("acme", time.May), "2026-03 invocations -50 − 0 = -0.5 corrects", "total -0.5")
}

// When the corrected bill becomes void, its period is billed anew, and what
// corrected it is taken back.
func TestVoidTakesCorrectionsBack(t *testing.T) {
	d := openDesk(t)
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	march := d.issue("acme", time.March)
	d.use("acme", "2026-03-20T09:00:00Z", 55)
	d.issue("acme", time.April)
	_, err := d.office.Void(t.Context(), everyone, march.ID, "wrong address")
	d.must(err)
	wantLines(t, d.issue("acme", time.March), "2026-03 invocations 1155 − 100 = 10.55", "total 10.55")
	may := d.issue("acme", time.May)
	wantLines(t, may, "2026-03 invocations -55 − 0 = -0.55 corrects", "total -0.55")
	wantLines(t, d.draft("acme", time.June), "total 0")
}

// A new price never changes what was billed by itself: a re-rating is asked for,
// shown, done by its token, and taken back the same way.
func TestRerate(t *testing.T) {
	d := openDesk(t)
	ctx := t.Context()
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	march := d.issue("acme", time.March)
	_, err := d.db.ChangePlan(ctx, everyone, d.plan.ID, "test", func(p *invoq.Plan) error {
		p.Rates[0].Price, p.EffectiveFrom = invoq.MustDecimal("0.02"), "2026-03-01"
		return nil
	})
	d.must(err)
	wantLines(t, d.draft("acme", time.April), "total 0")

	q := billing.Rerate{Bill: march.ID, Plan: d.plan.ID, Version: 2, Reason: "agreed late", By: "test"}
	shown, err := d.office.PreviewRerate(ctx, everyone, q)
	d.must(err)
	if shown.Difference.String() != "10" || shown.Applied != nil {
		t.Errorf("shown %+v", shown)
	}
	// By the plans as they are recorded now it is the same version.
	recorded, err := d.office.PreviewRerate(ctx, everyone, billing.Rerate{Bill: march.ID})
	if err != nil || recorded.Token != shown.Token {
		t.Errorf("recorded %+v: %v", recorded, err)
	}
	wantLines(t, d.draft("acme", time.April), "total 0")
	// Late usage makes it another difference than the one shown.
	d.use("acme", "2026-03-20T09:00:00Z", 100)
	_, err = d.office.Rerate(ctx, everyone, q, shown.Token)
	wantKind(t, err, invoq.KindConflict)
	shown, err = d.office.PreviewRerate(ctx, everyone, q)
	d.must(err)
	done, err := d.office.Rerate(ctx, everyone, q, shown.Token)
	d.must(err)
	_, err = d.office.Rerate(ctx, everyone, q, shown.Token)
	wantKind(t, err, invoq.KindConflict)
	april := d.issue("acme", time.April)
	wantLines(t, april, "2026-03 invocations 100 − 0 = 12 corrects", "total 12")

	back := billing.Rerate{Bill: march.ID, Reverts: done.Applied.ID, Reason: "not agreed after all", By: "test"}
	shown, err = d.office.PreviewRerate(ctx, everyone, back)
	d.must(err)
	if shown.Difference.String() != "-11" {
		t.Errorf("taking it back: %+v", shown)
	}
	_, err = d.office.Rerate(ctx, everyone, back, shown.Token)
	d.must(err)
	wantLines(t, d.draft("acme", time.May), "2026-03 invocations 0 − 0 = -11 corrects", "total -11")
	if all, err := d.db.Reratings(ctx, everyone, march.ID); err != nil || len(all) != 2 || all[1].Reverts != all[0].ID {
		t.Errorf("records %+v: %v", all, err)
	}
	got, err := d.db.FindBill(ctx, everyone, march.ID)
	if diff := cmp.Diff(march, got); err != nil || diff != "" {
		t.Errorf("the bill changed: %v\n%s", err, diff)
	}
}

// Credit notes are at most the bill, come once a reference, and have numbers of
// their own.
func TestCreditNotes(t *testing.T) {
	d := openDesk(t)
	ctx := t.Context()
	d.tenant("acme", "UTC")
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	draft := d.draft("acme", time.March)
	credit := func(reference, amount string) (invoq.CreditNote, error) {
		return d.office.Credit(ctx, everyone, invoq.CreditNote{
			BillID: draft.ID, Reference: reference, Amount: invoq.MustDecimal(amount), Reason: "outage",
			CreatedBy: "test",
		})
	}
	_, err := credit("a", "1")
	wantKind(t, err, invoq.KindConflict) // It is a draft.
	b := d.issue("acme", time.March)
	first, err := credit("a", "4")
	d.must(err)
	again, err := credit("a", "4")
	if diff := cmp.Diff(first, again); err != nil || diff != "" || first.Number != "CN-00000001" {
		t.Errorf("again: %v\n%s", err, diff)
	}
	_, err = credit("a", "5")
	wantKind(t, err, invoq.KindConflict)
	_, err = credit("b", "6.01")
	wantKind(t, err, invoq.KindUnprocessable)
	_, err = credit("b", "0.001")
	wantKind(t, err, invoq.KindUnprocessable)
	_, err = credit("b", "-1")
	wantKind(t, err, invoq.KindUnprocessable)
	second, err := credit("b", "6")
	if err != nil || second.Number != "CN-00000002" {
		t.Errorf("second %+v: %v", second, err)
	}
	_, err = d.office.Void(ctx, everyone, b.ID, "a mistake")
	wantKind(t, err, invoq.KindConflict)
	all, err := d.db.CreditNotes(ctx, everyone, b.ID)
	if diff := cmp.Diff([]invoq.CreditNote{first, second}, all); err != nil || diff != "" {
		t.Errorf("all: %v\n%s", err, diff)
	}
}

// Another tenant's bill does not exist, whatever is asked of it.
func TestBillsAreTheTenantsOwn(t *testing.T) {
	d := openDesk(t)
	ctx := t.Context()
	d.tenant("acme", "UTC")
	other := invoq.Only(d.tenant("zeta", "UTC").ID)
	d.use("acme", "2026-03-10T09:00:00Z", 1100)
	b := d.issue("acme", time.March)
	for what, ask := range map[string]func() error{
		"finalize":  func() error { _, err := d.office.Finalize(ctx, other, b.ID); return err },
		"pay":       func() error { _, err := d.office.Pay(ctx, other, b.ID, "x"); return err },
		"void":      func() error { _, err := d.office.Void(ctx, other, b.ID, "x"); return err },
		"explain":   func() error { _, err := d.office.Explain(ctx, other, b.ID); return err },
		"recompute": func() error { _, err := d.office.Recompute(ctx, other, b.ID); return err },
		"rerate":    func() error { _, err := d.office.PreviewRerate(ctx, other, billing.Rerate{Bill: b.ID}); return err },
		"credits":   func() error { _, err := d.db.CreditNotes(ctx, other, b.ID); return err },
	} {
		if err := ask(); invoq.KindOf(err) != invoq.KindNotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
}
