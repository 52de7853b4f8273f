package billing

import (
	"context"
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
	// Those of an overage are all of its rate; of a reprice, those of the month
	// before the period; of what the end of a month decides for a rate, those of the
	// month; of a correction, those that came since. Fees, minimums of plans and
	// corrections without late usage have none.
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
	t := trail{account: x.bench.account, tags: x.bench.tags, spans: cutAtDays(x.bench.account.spans)}
	book, err := o.madeOf(ctx, b, t.spans, b.Head.Size)
	if err != nil {
		return Explained{}, err
	}
	t.book = book.Spans
	out := Explained{Bill: b}
	a := agreement{o.db, newSheets()}
	late := lateTrails{office: o, agreement: a, bill: b, known: map[lateKey]*trail{}}
	for _, line := range b.Lines {
		l := ExplainedLine{Line: line, Text: pricing.Explain(line, b.Currency)}
		if l.Plan, err = a.planOfLine(ctx, b, line); err != nil {
			return Explained{}, err
		}
		from := &t
		if line.Corrects != "" {
			if from, err = late.of(ctx, line); err != nil {
				return Explained{}, err
			}
		}
		l.Usage = from.usage(line)
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
