package billing

import (
	"context"
	"strings"
	"time"

	"invoq"
	"invoq/ledger"
	"invoq/postgres"
)

// trueUps is how many bills are held against their entries in one posting: each
// costs the book a few queries, during which nothing else is posted.
const trueUps = 100

// trueUpService is what margins by service call what bills ask for beside
// single usages.
const trueUpService = "true-up"

// Book takes events, each once.
type Book interface {
	Post(ctx context.Context, events []invoq.Event) error
}

// TrueUps holds issued bills against the entries of their periods. What a bill
// asks for beside what its entries are billed (fees, what is missing to a
// minimum, what is unused of a commitment, new prices for earlier units) is
// posted as an entry of its own: then the entries add up to the bill.
type TrueUps struct {
	db   *postgres.DB
	book Book
}

// NewTrueUps returns true-ups of the bills in the database.
func NewTrueUps(db *postgres.DB, book Book) *TrueUps { return &TrueUps{db, book} }

// Run posts the true-ups of all bills that were issued since. Running it twice
// posts nothing twice: the request ids follow from the bills.
func (t *TrueUps) Run(ctx context.Context) error {
	for {
		due, err := t.db.DueTrueUps(ctx, trueUps)
		if err != nil || len(due) == 0 {
			return err
		}
		events := make([]invoq.Event, len(due))
		var done []invoq.BillID
		for i, d := range due {
			events[i] = trueUpEvent(d)
			done = append(done, d.Bill)
		}
		if err := t.book.Post(ctx, events); err != nil {
			return err
		}
		if err := t.db.TruedUp(ctx, done); err != nil {
			return err
		}
	}
}

// trueUpEvent returns the event by which a bill is held against the entries of
// a period, its own or that of a bill it corrects. The event says nothing of
// the amount: the rater finds it, when nobody else can append.
func trueUpEvent(d postgres.DueTrueUp) invoq.Event {
	// The last instant of the period, so that whoever sums the period has it.
	at := d.End.Add(-time.Microsecond)
	e := invoq.Event{
		Tenant: d.Tenant, RequestID: invoq.BillPrefix + string(d.Bill), User: invoq.DefaultUser,
		Service: trueUpService, Time: at, ReceivedAt: at,
		Measures: []invoq.Measure{{Meter: invoq.TrueUp}},
		Labels:   map[string]string{"bill": d.Number},
	}
	if d.About != d.Bill {
		e.RequestID += ":" + string(d.About)
		e.Labels["corrected"] = d.AboutNumber
	}
	return e
}

// trueUp charges an entry with what the bills of a period ask for beside what
// its entries are billed: those of the book at positions before at, and those of
// the posting before it.
func (r *Rater) trueUp(ctx context.Context, at int64, before []ledger.Entry, e *ledger.Entry) error {
	e.Charge = ledger.Charge{}
	named := strings.Split(strings.TrimPrefix(e.RequestID, invoq.BillPrefix), ":")
	about := invoq.BillID(named[len(named)-1])
	b, err := r.db.FindBill(ctx, invoq.Everyone(), about)
	if err != nil {
		return err
	}
	asked, err := r.asked(ctx, b)
	if err != nil {
		return err
	}
	billed, err := r.db.Billed(
		ctx, postgres.Span{Tenant: b.TenantID, Interval: b.Period}, b.Currency, at)
	if err != nil {
		return err
	}
	for i := range before {
		o := &before[i]
		if o.TenantID == b.TenantID && o.Priced && o.BilledIn() == b.Currency &&
			!o.EventTime.Before(b.Period.Start) && o.EventTime.Before(b.Period.End) {
			billed = billed.Add(o.BilledCost)
		}
	}
	// It is no usage, so that it costs the owner nothing.
	e.Charge = ledger.Charge{
		Currency: b.Currency, Costed: true, Priced: true, BilledCost: asked.Sub(billed),
		Model: ledger.ModelPlan,
	}
	return nil
}

// asked returns what issued bills ask for the period of one of them, at full
// precision: its own lines, and those of later bills that correct it.
func (r *Rater) asked(ctx context.Context, b invoq.Bill) (invoq.Decimal, error) {
	var sum invoq.Decimal
	for _, l := range b.Lines {
		if l.Corrects == "" {
			sum = sum.Add(l.Exact)
		}
	}
	h, err := r.db.BillHistory(ctx, invoq.Only(b.TenantID), []invoq.TenantID{b.TenantID},
		b.Period.Start, b.Period.End)
	if err != nil {
		return sum, err
	}
	for _, other := range h.Bills {
		if other.Status != invoq.BillFinal && other.Status != invoq.BillPaid {
			continue
		}
		for _, l := range other.Lines {
			if l.Corrects == b.ID {
				sum = sum.Add(l.Exact)
			}
		}
	}
	return sum, nil
}
