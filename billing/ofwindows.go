package billing

import (
	"context"

	"invoq"
	"invoq/postgres"
)

// Bills that were made of windows, before there was a book to make them of, are
// held against windows for ever: the book may begin after their periods, and has
// usage that was on no bill then.

// readWindows reads what such bills of the past were made of.
func (w *workshop) readWindows(ctx context.Context, all []bench) error {
	var spans []postgres.Span
	var old []*issued
	for i := range all {
		for _, p := range all[i].past {
			if all[i].err == nil && p.bill.OfWindows && p.right != nil {
				old, spans = append(old, p), append(spans, p.right.spans...)
			}
		}
	}
	if len(old) == 0 {
		return nil
	}
	usage, err := w.db.SumSpans(ctx, w.scope, spans)
	if err != nil {
		return err
	}
	for _, p := range old {
		n := len(p.right.spans)
		p.windows, usage = windowSums(p.bill, usage[:n]), usage[n:]
	}
	return nil
}

// madeOf returns what a bill was made of: entries of the book up to a size, or
// windows.
func (o *Office) madeOf(
	ctx context.Context, b invoq.Bill, spans []postgres.Span, size int64,
) (postgres.BookSums, error) {
	if !b.OfWindows {
		return o.db.SumBook(ctx, invoq.Only(b.TenantID), spans, size)
	}
	usage, err := o.db.SumSpans(ctx, invoq.Only(b.TenantID), spans)
	return postgres.BookSums{Spans: windowSums(b, usage)}, err
}

// windowSums returns windows as entries would say them. Only the services on the
// bill count: the others were counted from events, which had no windows then.
func windowSums(b invoq.Bill, usage [][]invoq.Usage) [][]postgres.BookUsage {
	billed := map[service]bool{}
	for i := range b.Lines {
		for _, in := range b.Lines[i].Inputs {
			billed[service{in.Namespace, in.Service}] = true
		}
	}
	all := make([][]postgres.BookUsage, len(usage))
	for i, us := range usage {
		for j := range us {
			if u := &us[j]; billed[service{u.Namespace, u.Service}] {
				all[i] = appendWindow(all[i], u)
			}
		}
	}
	return all
}

// appendWindow adds a sum for each meter that was used. The doubts are on that of
// the invocations, as they are in the book.
func appendWindow(all []postgres.BookUsage, u *invoq.Usage) []postgres.BookUsage {
	for _, m := range meters {
		sum := postgres.BookUsage{
			Namespace: u.Namespace, Service: u.Service, Revision: u.Revision, Meter: m, Quantity: u.Of(m),
		}
		if m == invoq.Invocations {
			sum.GapSeconds, sum.Assumed, sum.UnmeasuredMs = u.GapSeconds, u.Assumed, u.UnmeasuredMs
		} else if sum.Quantity.IsZero() {
			continue
		}
		all = append(all, sum)
	}
	return all
}
