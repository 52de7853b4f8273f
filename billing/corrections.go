package billing

import (
	"context"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// correctionMonths is how long before a period issued bills are held against
// the usage as it is known now. Usage may change for as long as samples may be
// late; a bill that was re-rated is corrected whatever its age.
const correctionMonths = 3

// issued is an issued bill and all that was said about it since.
type issued struct {
	bill invoq.Bill
	// said are its lines, unless it is void, and all corrections of them.
	said []invoq.BillLine
	// right prices it as it should be; nil where it is void and owes nothing.
	right *account
	// tags are those that what was said is priced by: the bill's own, those of its
	// re-rating, and of services that come late those on the first bill that
	// corrects it.
	tags []invoq.ServiceTags
	// windows are what a bill was made of that was made of windows.
	windows [][]postgres.BookUsage
	err     error // why it cannot be known what is right
}

// pastOf sorts the history of tenants by what may have to be corrected on a bill
// for a period that begins at an instant: bills that ended before it.
func (a agreement) pastOf(
	ctx context.Context, tenants map[invoq.TenantID]invoq.Tenant, h postgres.History,
	starts map[invoq.TenantID]time.Time,
) map[invoq.TenantID][]*issued {
	all := map[invoq.TenantID][]*issued{}
	byID := map[invoq.BillID]*issued{}
	for _, b := range h.Bills {
		if b.Period.End.After(starts[b.TenantID]) {
			continue
		}
		past := &issued{bill: b}
		if b.Status != invoq.BillVoid {
			past.right, past.err = a.right(ctx, tenants[b.TenantID], b, h.Reratings[b.ID].Parts)
			past.said = own(b)
			if past.err == nil {
				past.tags, past.err = a.tagsOf(ctx, b)
			}
			past.tags = pin(past.tags, h.Reratings[b.ID].Tags)
		}
		byID[b.ID] = past
		all[b.TenantID] = append(all[b.TenantID], past)
	}
	for _, b := range asIssued(h.Bills) {
		for id, lines := range correcting(b) {
			if past := byID[id]; past != nil {
				past.hear(b, lines)
			}
		}
	}
	return all
}

// asIssued returns the issued bills, the first that was issued first. Drafts have
// said nothing yet.
func asIssued(bills []invoq.Bill) []invoq.Bill {
	issued := slices.DeleteFunc(slices.Clone(bills), func(b invoq.Bill) bool {
		return b.Status != invoq.BillFinal && b.Status != invoq.BillPaid
	})
	slices.SortStableFunc(issued, func(a, b invoq.Bill) int { return a.FinalizedAt.Compare(b.FinalizedAt) })
	return issued
}

// correcting returns the lines of a bill that correct others, by these.
func correcting(b invoq.Bill) map[invoq.BillID][]invoq.BillLine {
	all := map[invoq.BillID][]invoq.BillLine{}
	for _, l := range b.Lines {
		if l.Corrects != "" {
			all[l.Corrects] = append(all[l.Corrects], l)
		}
	}
	return all
}

// hear notes what a later bill said of this one, and by which tags.
func (x *issued) hear(b invoq.Bill, lines []invoq.BillLine) {
	x.said = append(x.said, lines...)
	x.tags = pin(x.tags, b.Tags)
}

// right returns the account that prices an issued bill as it should be: by the
// parts of its last re-rating or else those that it names.
func (a agreement) right(
	ctx context.Context, t invoq.Tenant, b invoq.Bill, rerated []invoq.BillPart,
) (*account, error) {
	parts := rerated
	if parts == nil {
		parts = partsOf(b)
	}
	pinned, err := a.pinned(ctx, b.TenantID, parts)
	if err != nil {
		return nil, err
	}
	period, err := periodOf(b)
	if err != nil {
		return nil, err
	}
	return newAccount(t, period, pinned)
}

// partsOf returns the parts of a bill, also of one that has only one and does
// not say so.
func partsOf(b invoq.Bill) []invoq.BillPart {
	if len(b.Parts) > 0 {
		return b.Parts
	}
	return []invoq.BillPart{{Period: b.Period, PlanID: b.PlanID, PlanVersion: b.PlanVersion}}
}

// periodOf returns the period of a bill in the zone it was made in.
func periodOf(b invoq.Bill) (pricing.Period, error) {
	zone, err := invoq.Tenant{Timezone: b.Timezone}.Location()
	return pricing.Period{Interval: b.Period, Zone: zone}, err
}

// own returns the lines of a bill for its own period, each with its part.
func own(b invoq.Bill) []invoq.BillLine {
	var lines []invoq.BillLine
	for _, l := range b.Lines {
		if l.Corrects == "" {
			lines = append(lines, l)
		}
	}
	markAll(lines, partsOf(b))
	return lines
}

// markAll says on each line which part it is of, where only one part is meant.
func markAll(lines []invoq.BillLine, parts []invoq.BillPart) {
	for i := range lines {
		if lines[i].PlanID == "" {
			mark(&lines[i], parts[0])
		}
	}
}

// corrections returns the lines that turn what was said of an issued bill into
// what its usage comes to now: part by part, in order of time, each naming the
// bill; and the tags of services that they are priced by for the first time.
func (x *issued) corrections(
	book [][]postgres.BookUsage, t tags,
) ([]invoq.BillLine, []invoq.ServiceTags, error) {
	var now []invoq.BillLine
	var fresh []invoq.ServiceTags
	if x.right != nil {
		st, err := x.right.price(book, t.over(x.tags))
		if err != nil {
			return nil, nil, err
		}
		now, fresh = st.lines, unpinned(st.pinned.Tags, x.tags)
		markAll(now, billParts(x.right.parts))
	}
	// Lines of one part are told apart by month, rate and kind; those of different
	// parts may have all of these in common.
	var all []invoq.BillLine
	for _, p := range periodsOf(now, x.said) {
		said, right := of(x.said, p.Period), of(now, p.Period)
		for _, l := range pricing.Differences(
			pricing.Statement{Lines: said}, pricing.Statement{Lines: right},
		) {
			mark(&l, p)
			l.Corrects = x.bill.ID
			all = append(all, l)
		}
	}
	return all, fresh, nil
}

// periodsOf returns the parts that lines are of, in order of time; where two
// plans priced the same, the first named.
func periodsOf(lists ...[]invoq.BillLine) []invoq.BillPart {
	var all []invoq.BillPart
	for _, lines := range lists {
		for _, l := range lines {
			if !slices.ContainsFunc(all, func(p invoq.BillPart) bool { return same(p.Period, l.Period) }) {
				all = append(all, invoq.BillPart{
					Period: l.Period, PlanID: l.PlanID, PlanVersion: l.PlanVersion,
				})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b invoq.BillPart) int {
		if n := a.Period.Start.Compare(b.Period.Start); n != 0 {
			return n
		}
		return a.Period.End.Compare(b.Period.End)
	})
	return all
}

// of returns the lines of one part.
func of(lines []invoq.BillLine, period invoq.Interval) []invoq.BillLine {
	var some []invoq.BillLine
	for _, l := range lines {
		if same(l.Period, period) {
			some = append(some, l)
		}
	}
	return some
}

func same(a, b invoq.Interval) bool { return a.Start.Equal(b.Start) && a.End.Equal(b.End) }

// sum adds up the rounded amounts of lines.
func sum(lines []invoq.BillLine) invoq.Decimal {
	var total invoq.Decimal
	for i := range lines {
		total = total.Add(lines[i].Amount)
	}
	return total
}
