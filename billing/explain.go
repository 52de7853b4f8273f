package billing

import (
	"context"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// Explained is a bill and where each of its lines comes from.
type Explained struct {
	Bill  invoq.Bill
	Lines []ExplainedLine
}

// ExplainedLine is a line of a bill and its trace.
type ExplainedLine struct {
	Line invoq.BillLine
	// Text says the line in words and figures; see pricing.Explain.
	Text []string
	// Plan is the version that priced the line.
	Plan invoq.Plan
	// Usage are the entries that the line was made of, summed by revision and day.
	// A line that corrects another bill, and one that nobody used, has none.
	Usage []LineUsage
}

// LineUsage is what the entries of one revision and a line's meter add up to
// between two instants at which a price or a day in UTC may change.
type LineUsage struct {
	invoq.Interval
	Namespace, Service, Revision string
	Quantity                     invoq.Decimal
	// Entries is how many there are, at positions from First to Last of the book;
	// 0 on a bill that was made of windows.
	Entries, First, Last int64
}

// Explain traces every line of a bill to the steps of its charge, the version
// of its plan and the entries of the book that it was made of.
func (o *Office) Explain(ctx context.Context, s invoq.Scope, id invoq.BillID) (Explained, error) {
	b, err := o.db.FindBill(ctx, s, id)
	if err != nil {
		return Explained{}, err
	}
	x, err := o.open(ctx, b, nil)
	if err != nil {
		return Explained{}, err
	}
	spans := within(b.Period, cutAtDays(x.bench.account.spans))
	book, err := o.madeOf(ctx, b, spans, b.Head.Size)
	if err != nil {
		return Explained{}, err
	}
	out := Explained{Bill: b}
	a := agreement{o.db, newSheets()}
	for _, line := range b.Lines {
		l := ExplainedLine{Line: line, Text: pricing.Explain(line, b.Currency)}
		if l.Plan, err = a.planOfLine(ctx, b, line); err != nil {
			return Explained{}, err
		}
		// What a correction is made of stands on the bill that it corrects, and in
		// what that bill comes to now.
		if line.Corrects == "" {
			l.Usage = usageOf(line, b, spans, book.Spans)
		}
		out.Lines = append(out.Lines, l)
	}
	return out, nil
}

// planOfLine returns the version of the plan that priced a line.
func (a agreement) planOfLine(
	ctx context.Context, b invoq.Bill, l invoq.BillLine,
) (invoq.Plan, error) {
	p := invoq.BillPart{Period: b.Period, PlanID: l.PlanID, PlanVersion: l.PlanVersion}
	if p.PlanID == "" {
		p = partsOf(b)[0]
	}
	parts, err := a.pinned(ctx, b.TenantID, []invoq.BillPart{p})
	if err != nil {
		return invoq.Plan{}, err
	}
	return parts[0].sheet.Plan(), nil
}

// cutAtDays cuts spans where days begin in UTC.
func cutAtDays(spans []postgres.Span) []postgres.Span {
	var all []postgres.Span
	for _, s := range spans {
		for s.Interval.Start.Before(s.Interval.End) {
			end := invoq.Window1d.Floor(s.Interval.Start).Add(24 * time.Hour)
			if end.After(s.Interval.End) {
				end = s.Interval.End
			}
			all = append(all, postgres.Span{
				Tenant: s.Tenant, Interval: invoq.Interval{Start: s.Interval.Start, End: end},
			})
			s.Interval.Start = end
		}
	}
	return all
}

// within returns the spans inside a period: those before it only say how much of
// the month was used up.
func within(period invoq.Interval, spans []postgres.Span) []postgres.Span {
	return slices.DeleteFunc(spans, func(s postgres.Span) bool {
		return s.Interval.Start.Before(period.Start)
	})
}

// usageOf returns what the line's services used of its meter in its month and
// part, by day.
func usageOf(
	l invoq.BillLine, b invoq.Bill, spans []postgres.Span, book [][]postgres.BookUsage,
) []LineUsage {
	period, err := periodOf(b)
	if err != nil {
		return nil
	}
	// A line of a bill in parts has entries of its own part alone.
	if !l.Period.Start.IsZero() {
		period.Interval = l.Period
	}
	var all []LineUsage
	for i, us := range book {
		at := spans[i].Interval
		if !period.Contains(at.Start) || at.Start.In(period.Zone).Format("2006-01") != l.Month {
			continue
		}
		for j := range us {
			if u := &us[j]; u.Meter == l.Meter && !u.Quantity.IsZero() && madeOf(l, u) {
				all = addUsage(all, at, u)
			}
		}
	}
	return all
}

// madeOf reports whether the line was made of what the service used.
func madeOf(l invoq.BillLine, u *postgres.BookUsage) bool {
	return slices.ContainsFunc(l.Inputs, func(in invoq.LineInput) bool {
		return in.Namespace == u.Namespace && in.Service == u.Service
	})
}

// addUsage counts a sum of entries in. Those of one revision and day may come
// apart, by how they were charged.
func addUsage(all []LineUsage, at invoq.Interval, u *postgres.BookUsage) []LineUsage {
	if n := len(all) - 1; n >= 0 && same(all[n].Interval, at) && all[n].Namespace == u.Namespace &&
		all[n].Service == u.Service && all[n].Revision == u.Revision {
		x := &all[n]
		x.Quantity, x.Entries = x.Quantity.Add(u.Quantity), x.Entries+u.Entries
		x.First, x.Last = min(x.First, u.First), max(x.Last, u.Last)
		return all
	}
	return append(all, LineUsage{
		Interval: at, Namespace: u.Namespace, Service: u.Service, Revision: u.Revision, Quantity: u.Quantity,
		Entries: u.Entries, First: u.First, Last: u.Last,
	})
}
