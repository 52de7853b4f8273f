package billing

import (
	"context"
	"fmt"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// OfficeDatabase is what bills are issued in.
type OfficeDatabase interface {
	Database
	FindBill(ctx context.Context, s invoq.Scope, id invoq.BillID) (invoq.Bill, error)
	// PostingState returns how far usage has come on its way into the book.
	PostingState(ctx context.Context) (postgres.PostingState, error)
	// IssuedBills returns how many bills of a tenant were ever issued.
	IssuedBills(ctx context.Context, s invoq.Scope, tenant invoq.TenantID) (int, error)
	// FinalizeBill makes a draft final, if all is still so, and gives it the next
	// number.
	FinalizeBill(ctx context.Context, s invoq.Scope, f postgres.Final) (invoq.Bill, error)
	// SumLate returns what the entries of each span from a position on add up to.
	SumLate(
		ctx context.Context, s invoq.Scope, spans []postgres.Span, from, size int64,
	) ([][]postgres.BookUsage, error)
	// PayBill and VoidBill change a bill's status and nothing else.
	PayBill(
		ctx context.Context, s invoq.Scope, id invoq.BillID, payment string, at time.Time,
	) (invoq.Bill, error)
	VoidBill(
		ctx context.Context, s invoq.Scope, id invoq.BillID, reason string, at time.Time,
	) (invoq.Bill, error)
	// CreateCreditNote stores a note once a reference, within the bill's total.
	CreateCreditNote(
		ctx context.Context, s invoq.Scope, c invoq.CreditNote,
	) (invoq.CreditNote, error)
	// Reratings returns those of a bill, the oldest first.
	Reratings(ctx context.Context, s invoq.Scope, bill invoq.BillID) ([]invoq.Rerating, error)
	// AddRerating stores one if the latest of the bill is still the one known.
	AddRerating(
		ctx context.Context, s invoq.Scope, r invoq.Rerating, latest int64,
	) (invoq.Rerating, error)
}

// Office issues bills and keeps what becomes of them. It is safe for concurrent
// use.
//
//	draft ──Finalize──▶ final ──Pay──▶ paid
//	  └──────Void───────▶ void ◀──Void──┘ (final)
type Office struct {
	db     OfficeDatabase
	biller *Biller
	// grace is how long after its end a period is still counted: windows change
	// for as long as samples may be late.
	grace time.Duration
	now   func() time.Time
}

// NewOffice returns an office over the database. Grace is how late samples may
// be: no bill of a period is final before.
func NewOffice(db OfficeDatabase, grace time.Duration, now func() time.Time) *Office {
	return &Office{db: db, biller: New(db), grace: grace, now: now}
}

// Finalize makes a draft final and gives it a number. The draft must still be
// what its usage comes to, and the windows of its period closed; both are
// KindConflict otherwise. A final bill stays as it is.
func (o *Office) Finalize(ctx context.Context, s invoq.Scope, id invoq.BillID) (invoq.Bill, error) {
	b, err := o.db.FindBill(ctx, s, id)
	if err != nil || b.Status == invoq.BillFinal || b.Status == invoq.BillPaid {
		return b, err
	}
	if b.Status == invoq.BillVoid {
		return b, invoq.Errorf(invoq.KindConflict, "the bill is void and stays so")
	}
	state, err := o.db.PostingState(ctx)
	if err != nil {
		return b, err
	}
	if reason := stillOpen(b.Period.End, state, o.grace); reason != "" {
		return b, invoq.Errorf(invoq.KindConflict, "%s", reason)
	}
	issued, err := o.db.IssuedBills(ctx, s, b.TenantID)
	if err != nil {
		return b, err
	}
	// Computed once more: what is issued is what the usage comes to now, and a
	// correction that another bill has got meanwhile is not issued twice.
	c, err := o.biller.Preview(ctx, s, string(b.TenantID), b.Period)
	if err != nil {
		return b, err
	}
	// The book grows by entries of others all the time: what it says of this bill
	// counts.
	c.Bill.Head = b.Head
	if hash(c.Bill) != b.SHA256 {
		return b, invoq.Errorf(invoq.KindConflict,
			"usage, prices or corrections have changed since the draft was made: it says %s, they come to %s; "+
				"calculate it again", b.Total, c.Bill.Total)
	}
	return o.db.FinalizeBill(ctx, s, postgres.Final{
		Bill: b.ID, SHA256: b.SHA256, Issued: issued, At: o.now(),
	})
}

// stillOpen says why a period that ended may still change, or nothing.
func stillOpen(end time.Time, state postgres.PostingState, grace time.Duration) string {
	if !state.Closed(grace).Before(end) {
		return ""
	}
	said := func(t time.Time) string {
		if t.IsZero() {
			return "not at all"
		}
		return "until " + t.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("the period is open: its usage is final once it is in the book until %s and was "+
		"counted until %s; it is in the book %s and was counted %s then", end.UTC().Format(time.RFC3339),
		end.Add(grace).UTC().Format(time.RFC3339), said(state.Posted), said(state.Compared))
}

// Pay records that a final bill was paid, and by which payment.
func (o *Office) Pay(
	ctx context.Context, s invoq.Scope, id invoq.BillID, payment string,
) (invoq.Bill, error) {
	if err := invoq.ValidateName("payment", payment); err != nil {
		return invoq.Bill{}, err
	}
	return o.db.PayBill(ctx, s, id, payment, o.now())
}

// Void makes a draft or a final bill void. Its number stays taken; the period
// may be billed again, and what it was corrected by is taken back on the next
// bill.
func (o *Office) Void(
	ctx context.Context, s invoq.Scope, id invoq.BillID, reason string,
) (invoq.Bill, error) {
	if err := checkReason(reason); err != nil {
		return invoq.Bill{}, err
	}
	return o.db.VoidBill(ctx, s, id, reason, o.now())
}

// Credit takes an amount of an issued bill back.
func (o *Office) Credit(
	ctx context.Context, s invoq.Scope, c invoq.CreditNote,
) (invoq.CreditNote, error) {
	if err := checkReason(c.Reason); err != nil {
		return c, err
	}
	if err := invoq.ValidateName("reference", c.Reference); err != nil {
		return c, err
	}
	b, err := o.db.FindBill(ctx, s, c.BillID)
	if err != nil {
		return c, err
	}
	digits, err := pricing.Digits(b.Currency)
	if err != nil {
		return c, err
	}
	if c.Amount.Sign() <= 0 || c.Amount.Places() > digits {
		return c, invoq.Errorf(invoq.KindUnprocessable,
			"amount %s is not above 0 with at most %d decimal places", c.Amount, digits)
	}
	return o.db.CreateCreditNote(ctx, s, c)
}

// checkReason refuses a change that says not why it is made.
func checkReason(reason string) error {
	if reason == "" || len(reason) > invoq.MaxReasonBytes {
		return invoq.Errorf(invoq.KindUnprocessable,
			"reason: say why, in at most %d bytes", invoq.MaxReasonBytes)
	}
	return nil
}

// Recomputed is an issued bill held against what its usage comes to now.
type Recomputed struct {
	Bill invoq.Bill // as it stands
	// Again is the bill computed anew by the same versions of plans.
	Again invoq.Bill
	// Corrections are the lines that are due on the next bill, after those that
	// were issued before. None where everything agrees.
	Corrections []invoq.BillLine
}

// Agrees reports whether both have the same bytes.
func (r Recomputed) Agrees() bool { return r.Bill.SHA256 == r.Again.SHA256 }

// Recompute computes a bill again from what it names: the entries up to its
// head, the versions of plans, and tags. Lines that correct other bills are taken
// as they are, since those bills were not yet corrected then.
func (o *Office) Recompute(ctx context.Context, s invoq.Scope, id invoq.BillID) (Recomputed, error) {
	b, err := o.db.FindBill(ctx, s, id)
	if err != nil {
		return Recomputed{}, err
	}
	x, err := o.open(ctx, b, nil)
	if err != nil {
		return Recomputed{}, err
	}
	again, err := x.again()
	if err != nil {
		return Recomputed{}, err
	}
	lines, _, err := x.due(ctx)
	return Recomputed{Bill: b, Again: again, Corrections: lines}, err
}

// opened is a stored bill with what it was made of.
type opened struct {
	office *Office
	bill   invoq.Bill
	bench  bench // by the versions that the bill names
	book   postgres.BookSums
	tags   []invoq.ServiceTags // by which it was priced
	latest int64               // the bill's last re-rating; 0: none
	// right are the parts by which it should be priced; nil: its own.
	right []invoq.BillPart
	// rightTags are those that its last re-rating was shown by, and all before it.
	rightTags []invoq.ServiceTags
}

// open reads what a bill was made of. Parts are those by which it should be
// priced instead of its last re-rating's; nil for these.
func (o *Office) open(ctx context.Context, b invoq.Bill, parts []invoq.BillPart) (*opened, error) {
	x := &opened{office: o, bill: b, right: parts}
	zone := b.Timezone
	period, err := periodOf(b)
	if err != nil {
		return nil, err
	}
	a := agreement{o.db, newSheets()}
	pinned, err := a.pinned(ctx, b.TenantID, partsOf(b))
	if err != nil {
		return nil, err
	}
	t := invoq.Tenant{ID: b.TenantID, Timezone: zone, Currency: b.Currency}
	x.bench.order = order{tenant: t, period: period}
	if x.bench.account, err = newAccount(t, period, pinned); err != nil {
		return nil, err
	}
	if x.book, err = o.madeOf(ctx, b, x.bench.account.spans, b.Head.Size); err != nil {
		return nil, err
	}
	if x.tags, err = a.tagsOf(ctx, b); err != nil {
		return nil, err
	}
	x.bench.tags = newTags(x.tags)
	reratings, err := o.db.Reratings(ctx, invoq.Only(b.TenantID), b.ID)
	if err != nil {
		return nil, err
	}
	if n := len(reratings); n > 0 {
		x.latest, x.rightTags = reratings[n-1].ID, reratings[n-1].Tags
		if parts == nil {
			x.right = reratings[n-1].Parts
		}
	}
	return x, nil
}

// again returns the bill computed anew.
func (x *opened) again() (invoq.Bill, error) {
	st, err := x.bench.account.price(x.book.Spans, x.bench.tags)
	if err != nil {
		return invoq.Bill{}, err
	}
	st.pinned.Head = x.book.Head
	if x.bill.OfWindows {
		st.pinned = invoq.Pinned{}
	}
	b := x.bench.bill(st)
	// The corrections on it are of other bills, as they were then.
	for _, l := range x.bill.Lines {
		if l.Corrects != "" {
			b.Lines = append(b.Lines, l)
			b.Total = b.Total.Add(l.Amount)
			b.Tags = pin(b.Tags, x.bill.Tags) // With those that they were priced by.
		}
	}
	err = guard(func() error { seal(&b); return nil })
	return b, err
}

// due returns the corrections of the bill that no issued bill has yet, and all
// tags that they are priced by.
func (x *opened) due(ctx context.Context) ([]invoq.BillLine, []invoq.ServiceTags, error) {
	o, b := x.office, x.bill
	if b.Status != invoq.BillFinal && b.Status != invoq.BillPaid {
		return nil, nil, nil
	}
	h, err := o.db.BillHistory(ctx, invoq.Only(b.TenantID), []invoq.TenantID{b.TenantID},
		b.Period.Start, b.Period.End)
	if err != nil {
		return nil, nil, err
	}
	// Only issued bills count as said: a draft may never be issued.
	past := &issued{bill: b, said: own(b), tags: pin(x.tags, x.rightTags)}
	if past.right, err = (agreement{o.db, newSheets()}).right(ctx, x.bench.tenant, b, x.right); err != nil {
		return nil, nil, err
	}
	for _, other := range asIssued(h.Bills) {
		if lines := correcting(other)[b.ID]; len(lines) > 0 {
			past.hear(other, lines)
		}
	}
	w := workshop{db: o.db, scope: invoq.Only(b.TenantID)}
	all := []bench{{order: x.bench.order, account: past.right}}
	if err := w.readTags(ctx, all); err != nil {
		return nil, nil, err
	}
	book, err := o.madeOf(ctx, b, past.right.spans, postgres.WholeBook)
	if err != nil {
		return nil, nil, err
	}
	lines, fresh, err := past.corrections(book.Spans, all[0].tags)
	return lines, pin(past.tags, fresh), err
}
