package billing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// Database is what bills are made from and kept in.
type Database interface {
	Plans
	FindTenant(ctx context.Context, s invoq.Scope, idOrName string) (invoq.Tenant, error)
	workshopDatabase
	SumUsageByDay(
		ctx context.Context, s invoq.Scope, f postgres.UsageFilter, zone *time.Location,
	) ([]postgres.DayUsage, error)
	// PutDraft stores a draft in place of the one of its period; KindConflict where
	// the period's bill is issued.
	PutDraft(ctx context.Context, s invoq.Scope, b invoq.Bill) (invoq.Bill, error)
}

// Biller makes bills. It is safe for concurrent use.
type Biller struct {
	db Database
}

// New returns a biller over the database.
func New(db Database) *Biller { return &Biller{db: db} }

// Calculation is a bill and what has to be said beside it.
type Calculation struct {
	Bill invoq.Bill
	// Unpriced is usage that no rate of the plan covers: it is not on the bill.
	Unpriced []pricing.Unpriced
	// Warnings say, in words, where the usage is not certain.
	Warnings []string
}

// Preview computes the bill of a tenant for a period, with the corrections of
// earlier bills that are due, and stores nothing. The tenant is an id or a
// name. Errors are of KindNotFound for a tenant out of scope and
// KindUnprocessable for a period or plan that cannot be billed.
func (b *Biller) Preview(
	ctx context.Context, s invoq.Scope, tenant string, period invoq.Interval,
) (Calculation, error) {
	t, err := b.db.FindTenant(ctx, s, tenant)
	if err != nil {
		return Calculation{}, err
	}
	zone, err := t.Location()
	if err != nil {
		return Calculation{}, err
	}
	// In UTC, as the canonical bytes say it.
	period.Start, period.End = period.Start.UTC(), period.End.UTC()
	o := order{tenant: t, period: pricing.Period{Interval: period, Zone: zone}}
	w := workshop{
		db: b.db, scope: invoq.Only(t.ID), agreement: agreement{b.db, newSheets()}, size: postgres.WholeBook,
	}
	made, err := w.make(ctx, []order{o})
	if err != nil {
		return Calculation{}, err
	}
	return made[0].Calculation, made[0].err
}

// Calculate computes the bill and stores it as the draft of its period.
func (b *Biller) Calculate(
	ctx context.Context, s invoq.Scope, tenant string, period invoq.Interval,
) (Calculation, error) {
	c, err := b.Preview(ctx, s, tenant, period)
	if err != nil {
		return Calculation{}, err
	}
	c.Bill, err = b.db.PutDraft(ctx, s, c.Bill)
	return c, err
}

// validate refuses periods that no bill can have.
func validate(p pricing.Period) error {
	if err := p.Validate(); err != nil {
		return err
	}
	for _, t := range []time.Time{p.Start, p.End} {
		if !invoq.Window5m.Floor(t).Equal(t) {
			return invoq.Errorf(invoq.KindUnprocessable,
				"period %s does not begin and end on a multiple of five minutes", p.Interval)
		}
	}
	return nil
}

// order asks for the bill of a tenant's period.
type order struct {
	tenant invoq.Tenant
	period pricing.Period
}

// made is the answer to an order: a draft, or why there is none.
type made struct {
	Calculation
	err error
}

// workshop makes bills, as many at a time as are ordered.
type workshop struct {
	db        workshopDatabase
	scope     invoq.Scope
	agreement agreement
	// size is that of the book up to which entries are billed.
	size int64
}

// workshopDatabase is what a workshop reads.
type workshopDatabase interface {
	// SumBook returns what the entries of each span add up to, all up to one head.
	SumBook(
		ctx context.Context, s invoq.Scope, spans []postgres.Span, size int64,
	) (postgres.BookSums, error)
	// SumSpans returns the usage of each span as it was counted, in their order: the
	// book has it once the hour is posted.
	SumSpans(ctx context.Context, s invoq.Scope, spans []postgres.Span) ([][]invoq.Usage, error)
	// ServiceTags returns the tags of the tenants' services that have any.
	ServiceTags(
		ctx context.Context, s invoq.Scope, tenants []invoq.TenantID,
	) (map[invoq.TenantID][]invoq.ServiceTags, error)
	BillHistory(
		ctx context.Context, s invoq.Scope, tenants []invoq.TenantID, after, until time.Time,
	) (postgres.History, error)
}

// bench is one order in the making.
type bench struct {
	order
	// account prices the period itself.
	account *account
	// tags are those of the tenant's services, where a rate asks for them.
	tags tags
	// past are the tenant's earlier bills, which may have to be corrected.
	past []*issued
	// err is why the bill cannot be made.
	err error
}

// make makes the bills of some orders, of tenants that differ, in their order.
// What is wrong with one of them is its own error; an error of the whole is the
// database's.
func (w *workshop) make(ctx context.Context, orders []order) ([]made, error) {
	all := make([]bench, len(orders))
	for i, o := range orders {
		all[i].order = o
		all[i].err = guard(func() error {
			err := validate(o.period)
			if err != nil {
				return err
			}
			parts, err := w.agreement.parts(ctx, o.tenant, o.period)
			if err != nil {
				return err
			}
			all[i].account, err = newAccount(o.tenant, o.period, parts)
			return err
		})
		if isOurs(all[i].err) {
			return nil, all[i].err
		}
	}
	if err := w.lookBack(ctx, all); err != nil {
		return nil, err
	}
	if err := w.readTags(ctx, all); err != nil {
		return nil, err
	}
	if err := w.readWindows(ctx, all); err != nil {
		return nil, err
	}
	book, err := w.db.SumBook(ctx, w.scope, spansOf(all), w.size)
	if err != nil {
		return nil, err
	}
	out := make([]made, len(all))
	for i := range all {
		out[i].err = all[i].err
		if out[i].err == nil {
			out[i].err = guard(func() (err error) {
				out[i].Calculation, err = all[i].finish(&book)
				return err
			})
		}
	}
	return out, nil
}

// lookBack finds what was billed to the tenants before.
func (w *workshop) lookBack(ctx context.Context, all []bench) error {
	tenants := map[invoq.TenantID]invoq.Tenant{}
	starts := map[invoq.TenantID]time.Time{}
	var ids []invoq.TenantID
	var first, last time.Time
	for i := range all {
		if all[i].err != nil {
			continue
		}
		t, start := all[i].tenant, all[i].period.Start
		tenants[t.ID], starts[t.ID] = t, start
		ids = append(ids, t.ID)
		if first.IsZero() || start.Before(first) {
			first = start
		}
		if start.After(last) {
			last = start
		}
	}
	if len(ids) == 0 {
		return nil
	}
	// Months begin at other instants in other zones: the widest time is asked for,
	// and what is not before a tenant's own start is left out afterwards.
	h, err := w.db.BillHistory(ctx, w.scope, ids, first.AddDate(0, -correctionMonths, 0), last)
	if err != nil {
		return err
	}
	past := w.agreement.pastOf(ctx, tenants, h, starts)
	for i := range all {
		if all[i].err != nil {
			continue
		}
		all[i].past = past[all[i].tenant.ID]
		for _, p := range all[i].past {
			all[i].err = p.err
			if p.err != nil {
				break
			}
		}
		if isOurs(all[i].err) {
			return all[i].err
		}
	}
	return nil
}

// readTags finds the tags of those whose prices ask for them.
func (w *workshop) readTags(ctx context.Context, all []bench) error {
	var ids []invoq.TenantID
	for i := range all {
		if all[i].err == nil && all[i].asksForTags() {
			ids = append(ids, all[i].tenant.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := w.db.ServiceTags(ctx, w.scope, ids)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].tags = newTags(found[all[i].tenant.ID])
	}
	return nil
}

func (x *bench) asksForTags() bool {
	return x.account.asksForTags() ||
		slices.ContainsFunc(x.past, func(p *issued) bool { return p.right != nil && p.right.asksForTags() })
}

// spansOf returns all spans of the book that the orders need, in the order in
// which finish takes them.
func spansOf(all []bench) []postgres.Span {
	var spans []postgres.Span
	for i := range all {
		if all[i].err != nil {
			continue
		}
		spans = append(spans, all[i].account.spans...)
		for _, p := range all[i].past {
			if p.right != nil && !p.bill.OfWindows {
				spans = append(spans, p.right.spans...)
			}
		}
	}
	return spans
}

// finish prices the order with the first of the sums and takes them away,
// whatever comes of it.
func (x *bench) finish(book *postgres.BookSums) (Calculation, error) {
	take := func(a *account) [][]postgres.BookUsage {
		some := book.Spans[:len(a.spans)]
		book.Spans = book.Spans[len(a.spans):]
		return some
	}
	used := take(x.account)
	then := make([][][]postgres.BookUsage, len(x.past))
	for i, p := range x.past {
		switch {
		case p.bill.OfWindows:
			then[i] = p.windows
		case p.right != nil:
			then[i] = take(p.right)
		}
	}
	st, err := x.account.price(used, x.tags)
	if err != nil {
		return Calculation{}, err
	}
	st.pinned.Head = book.Head
	c := Calculation{Bill: x.bill(st), Unpriced: st.unpriced, Warnings: st.warnings}
	for i, p := range x.past {
		lines, fresh, err := p.corrections(then[i], x.tags)
		if err != nil {
			return Calculation{}, fmt.Errorf("correct bill %q: %w", p.bill.Number, err)
		}
		if len(lines) > 0 {
			c.Bill.Tags = pin(c.Bill.Tags, fresh)
		}
		c.Bill.Lines = append(c.Bill.Lines, lines...)
		c.Bill.Total = c.Bill.Total.Add(sum(lines))
	}
	seal(&c.Bill)
	return c, nil
}

// bill returns the draft of a statement.
func (x *bench) bill(st statement) invoq.Bill {
	parts := billParts(x.account.parts)
	last := parts[len(parts)-1]
	b := invoq.Bill{
		TenantID: x.tenant.ID, Period: x.period.Interval, Timezone: x.tenant.Timezone,
		Currency: x.tenant.Currency, PlanID: last.PlanID, PlanVersion: last.PlanVersion, Parts: parts,
		Status: invoq.BillDraft, Lines: st.lines, Total: st.total, Pinned: st.pinned,
	}
	for _, u := range st.unpriced {
		b.Warnings = append(b.Warnings, unbilled(u, b.Currency))
	}
	b.Warnings = append(b.Warnings, st.warnings...)
	return b
}

// guard runs fn and turns a panic into an error: a bill that cannot be right is
// held back, and others are made.
func guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = invoq.Errorf(invoq.KindInternal, "the bill's figures contradict each other").
				WithCause(fmt.Errorf("%v", r))
		}
	}()
	return fn()
}

// isOurs reports whether the error says nothing about a tenant: trying again
// helps.
func isOurs(err error) bool { return invoq.KindOf(err) == invoq.KindUnavailable }
