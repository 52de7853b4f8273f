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
	// Windows are what the line's services used, by time, as it is stored now.
	// A line that corrects another bill, and one that nobody used, has none.
	Windows []LineWindow
}

// LineWindow is what one revision used of a line's meter between two instants
// at which a price or a day in UTC may change.
type LineWindow struct {
	invoq.Interval
	Namespace, Service, Revision string
	Quantity                     invoq.Decimal
}

// Explain traces every line of a bill to the steps of its charge, the version
// of its plan and the windows of usage that it was made of.
func (o *Office) Explain(ctx context.Context, s invoq.Scope, id invoq.BillID) (Explained, error) {
	b, err := o.db.FindBill(ctx, s, id)
	if err != nil {
		return Explained{}, err
	}
	x, err := o.open(ctx, b, nil)
	if err != nil {
		return Explained{}, err
	}
	// Days are read as they are stored, so that what is shown can be found in the
	// list of windows.
	spans := within(b.Period, cutAtDays(x.bench.account.spans))
	usage, err := o.db.SumSpans(ctx, invoq.Only(b.TenantID), spans)
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
			l.Windows = windowsOf(line, b, usage)
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

// cutAtDays cuts spans where days begin in UTC, so that each reads one stored
// window of a day where it can.
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

// windowsOf returns what the line's services used of its meter in its month and
// part.
func windowsOf(l invoq.BillLine, b invoq.Bill, usage [][]invoq.Usage) []LineWindow {
	period, err := periodOf(b)
	if err != nil {
		return nil
	}
	// A line of a bill in parts has windows of its own part alone.
	if !l.Period.Start.IsZero() {
		period.Interval = l.Period
	}
	var all []LineWindow
	for _, us := range usage {
		for i := range us {
			u := &us[i]
			if !period.Contains(u.Start) || u.Start.In(period.Zone).Format("2006-01") != l.Month ||
				!slices.ContainsFunc(l.Inputs, func(in invoq.LineInput) bool {
					return in.Namespace == u.Namespace && in.Service == u.Service
				}) {
				continue
			}
			if q := u.Of(l.Meter); !q.IsZero() {
				all = append(all, LineWindow{
					Interval: u.Interval, Namespace: u.Namespace, Service: u.Service, Revision: u.Revision,
					Quantity: q,
				})
			}
		}
	}
	return all
}
