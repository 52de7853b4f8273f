package billing

import (
	"context"
	"time"

	"invoq"
	"invoq/pricing"
)

// lateTrails finds the entries for which a bill corrects others.
type lateTrails struct {
	office    *Office
	agreement agreement
	bill      invoq.Bill
	known     map[lateKey]*trail
}

// lateKey names what a correction is of.
type lateKey struct {
	bill    invoq.BillID
	start   int64 // of the part, in seconds since 1970
	plan    invoq.PlanID
	version int
}

// of returns the trail of a line that corrects another bill; nil where that is
// not for late entries.
func (x *lateTrails) of(ctx context.Context, l invoq.BillLine) (*trail, error) {
	key := lateKey{l.Corrects, l.Period.Start.Unix(), l.PlanID, l.PlanVersion}
	t, known := x.known[key]
	if known {
		return t, nil
	}
	corrected, err := x.office.db.FindBill(ctx, invoq.Only(x.bill.TenantID), l.Corrects)
	if err != nil {
		return nil, err
	}
	if !corrected.OfWindows && !x.earlier(corrected.VoidedAt) {
		t, err = x.read(ctx, l, corrected)
	}
	x.known[key] = t
	return t, err
}

// earlier reports whether something was done before the bill was issued.
func (x *lateTrails) earlier(at time.Time) bool {
	return !at.IsZero() && (x.bill.FinalizedAt.IsZero() || at.Before(x.bill.FinalizedAt))
}

// read returns the trail of what came since the corrected bill, or since the last
// one that was held against it.
func (x *lateTrails) read(
	ctx context.Context, l invoq.BillLine, corrected invoq.Bill,
) (*trail, error) {
	db, scope := x.office.db, invoq.Only(x.bill.TenantID)
	h, err := db.BillHistory(ctx, scope, []invoq.TenantID{x.bill.TenantID}, corrected.Period.Start, x.bill.Period.End)
	if err != nil {
		return nil, err
	}
	from := corrected.Head.Size
	for _, other := range asIssued(h.Bills) {
		held := !other.Period.Start.Before(corrected.Period.End)
		if held && other.ID != x.bill.ID && x.earlier(other.FinalizedAt) {
			from = max(from, other.Head.Size)
		}
	}
	t := &trail{}
	if t.account, err = x.account(ctx, l, corrected); err != nil {
		return nil, err
	}
	tagged, err := x.agreement.tagsOf(ctx, corrected)
	if err != nil {
		return nil, err
	}
	t.tags = newTags(pin(pin(tagged, h.Reratings[corrected.ID].Tags), x.bill.Tags))
	t.spans = cutAtDays(t.account.spans)
	t.book, err = db.SumLate(ctx, scope, t.spans, from, x.bill.Head.Size)
	return t, err
}

// account returns the part of the corrected bill that the line is of.
func (x *lateTrails) account(
	ctx context.Context, l invoq.BillLine, corrected invoq.Bill,
) (*account, error) {
	parts, err := x.agreement.pinned(ctx, corrected.TenantID,
		[]invoq.BillPart{{Period: l.Period, PlanID: l.PlanID, PlanVersion: l.PlanVersion}})
	if err != nil {
		return nil, err
	}
	zone, err := periodOf(corrected)
	if err != nil {
		return nil, err
	}
	t := invoq.Tenant{ID: corrected.TenantID, Timezone: corrected.Timezone, Currency: corrected.Currency}
	return newAccount(t, pricing.Period{Interval: l.Period, Zone: zone.Zone}, parts)
}
