package billing

import (
	"context"
	"time"

	"invoq"
	"invoq/ledger"
	"invoq/postgres"
	"invoq/pricing"
	"invoq/pricing/catalogue"
)

// maxFillings bounds the tenants' months that are kept filled: a few kilobytes
// each, some tens where a plan has prices by the hour.
const maxFillings = 20_000

// Rater says what entries of the book cost and what is billed for them. The
// cost is that of the catalogue. What a rate of the tenant's plan covers is
// billed what it adds to the charge of its month, given all entries before it;
// what none covers, as the catalogue's model says.
//
// A month is read from the book once and kept filled for as long as this book
// alone appends to it; what was rated and then not posted leaves no trace. Like
// the book, a rater is for one goroutine at a time.
type Rater struct {
	db     *postgres.DB
	costs  *Costs
	agreed *agreed

	kept *fillings
	at   int64 // the size of the book to which the kept months are filled
	// posting are the months as they are with the entries that were rated last.
	posting map[monthKey]*filling
}

// NewRater returns a rater by the catalogue and the plans that the database has.
func NewRater(db *postgres.DB, costs *Costs, now func() time.Time) *Rater {
	return &Rater{db: db, costs: costs, agreed: newAgreed(db, now), kept: newFillings(maxFillings)}
}

// Rate fills in the charges of entries that follow the first at of the book.
func (r *Rater) Rate(
	ctx context.Context, at int64, entries []ledger.Entry, tenants map[invoq.TenantID]invoq.TenantName,
) error {
	current, err := r.costs.Current(ctx)
	if err != nil {
		return err
	}
	if err := r.agreed.refresh(ctx, tenants); err != nil {
		return err
	}
	// Somebody else has appended, or nobody knows whether the last posting came
	// through: the months may have entries that were never seen here.
	if at != r.at {
		r.kept.clear()
		r.at = at
	}
	r.posting = map[monthKey]*filling{}
	months, err := r.open(ctx, at, entries)
	if err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		if e.Meter == invoq.TrueUp {
			if err := r.trueUp(ctx, at, entries[:i], e); err != nil {
				return err
			}
			continue
		}
		charge(current, e, tenants[e.TenantID])
		r.rate(current, months[i], e)
	}
	return nil
}

// Posted keeps the months as they are with the entries that were rated last.
func (r *Rater) Posted(size int64) {
	for key, f := range r.posting {
		// What no plan prices is as quickly found again.
		if len(f.parts) > 0 {
			r.kept.put(key, f)
		}
	}
	r.at, r.posting = size, nil
}

// rate bills an entry, charged by the catalogue, by the plans of its month, nil
// for none.
func (r *Rater) rate(current *catalogue.Catalogue, month *filling, e *ledger.Entry) {
	if month == nil || len(month.parts) == 0 {
		return
	}
	currency := month.currency()
	item := pricing.Item{
		Source: r.agreed.parties[e.TenantID].source(e.Namespace, e.Service),
		Meter:  e.Meter, Quantity: e.Quantity, Interval: invoq.Interval{Start: e.EventTime},
	}
	if e.Costed && current.Currency() == currency {
		item.Cost = &e.RealCost
	}
	added, err := month.add(item)
	switch {
	case err == nil && added.Unpriced == pricing.NoRate:
		return // As the catalogue's model says.
	case err != nil, added.Unpriced == pricing.NoCost:
		// The bill cannot price it either; that must be seen.
		e.Priced, e.BilledCost, e.Model = false, invoq.Decimal{}, ""
		return
	}
	e.Priced, e.BilledCost, e.Model = true, added.Amount, ledger.ModelPlan
	switch {
	case !e.Costed:
		e.Currency = currency // Nothing about it is in another.
	case e.Currency != currency:
		e.BilledCurrency = currency
	}
}

// open returns the month of each entry, filled up to here; nil where no month
// can be priced.
func (r *Rater) open(ctx context.Context, at int64, entries []ledger.Entry) ([]*filling, error) {
	months := make([]*filling, len(entries))
	var empty []toFill
	for i := range entries {
		e := &entries[i]
		p := r.agreed.parties[e.TenantID]
		if p.zone == nil || e.Meter == invoq.TrueUp {
			continue
		}
		month := p.month(e.EventTime)
		key := monthKey{e.TenantID, month.Start.Unix()}
		f := r.posting[key]
		if f == nil {
			var fresh bool
			var err error
			if f, fresh, err = r.monthOf(ctx, p, month); err != nil {
				return nil, err
			}
			if fresh && !f.additive() {
				empty = append(empty, toFill{f, p})
			}
			r.posting[key] = f
		}
		months[i] = f
	}
	return months, r.fill(ctx, at, empty)
}

// monthOf returns a copy of a kept month, or one that is not filled yet where
// none is kept or it is to be priced in another way by now.
func (r *Rater) monthOf(
	ctx context.Context, p *party, month pricing.Period,
) (f *filling, fresh bool, err error) {
	t := p.tenant
	by := basis{shelf: r.agreed.shelf, currency: t.Currency, timezone: t.Timezone, plan: t.PlanID}
	if f = r.kept.get(monthKey{t.ID, month.Start.Unix()}); f != nil && f.by == by {
		return f.clone(), false, nil
	}
	parts, err := r.agreed.parts(ctx, t, month)
	if err != nil {
		return nil, false, err
	}
	// Plans have changed, but not those of this month.
	if f != nil && f.by.timezone == by.timezone && slicesEqual(f.parts, parts) {
		f = f.clone()
		f.by = by
		return f, false, nil
	}
	f, err = newFilling(by, p.zone, parts)
	if invoq.KindOf(err) == invoq.KindUnprocessable {
		f, err = newFilling(by, p.zone, nil) // No plan can price such a month.
	}
	return f, true, err
}

// slicesEqual reports whether the same sheets price the same times.
func slicesEqual(a, b []part) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].sheet != b[i].sheet || !a[i].Start.Equal(b[i].Start) || !a[i].End.Equal(b[i].End) {
			return false
		}
	}
	return true
}

// toFill is a month of a tenant that is to be filled from the book.
type toFill struct {
	*filling
	party *party
}

// fill fills months with what the first size entries of the book hold of them.
func (r *Rater) fill(ctx context.Context, size int64, empty []toFill) error {
	var spans []postgres.Span
	counts := make([]int, len(empty))
	for i, f := range empty {
		some, err := f.spans(f.party.tenant.ID, f.party.zone)
		if err != nil {
			return err
		}
		spans, counts[i] = append(spans, some...), len(some)
	}
	// Fast path: all months were at hand, or there is nothing to read.
	if len(spans) == 0 || size == 0 {
		return nil
	}
	sums, err := r.db.SumEntries(ctx, spans, size)
	if err != nil {
		return err
	}
	for i, f := range empty {
		n := counts[i]
		if err := f.fill(f.party, spans[:n], sums[:n]); err != nil {
			// One tenant's plan: the others' entries must not wait for it.
			f.parts, f.running = nil, nil
		}
		spans, sums = spans[n:], sums[n:]
	}
	return nil
}
