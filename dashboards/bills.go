package dashboards

import (
	"time"

	"invoq"
)

// BillRow is one bill, with its lines.
type BillRow struct {
	// Number is the bill's own; empty before it is final.
	Number  string
	Period  string
	Status  string
	Total   Figure
	Created Moment
	Lines   []LineRow
	// Parts say which version of which plan prices which days.
	Parts []PartRow
	// Life is what became of the bill: issued, paid, void, corrected, credited.
	Life []string
	// Notes are what is not certain about it.
	Notes []string
	// ID is the bill's, for those who ask about it.
	ID string
}

// PartRow is a part of a bill's period and what prices it.
type PartRow struct{ Days, Plan string }

// LineRow is one line of a bill: how an amount comes about.
type LineRow struct {
	Rate     string
	Meter    string
	Month    string
	Quantity Figure
	Free     Figure
	Billable Figure
	// Price is that of one unit of the meter, as the plan has it; empty where
	// several prices made the line.
	Price  string
	Amount Figure
	// Exact is the amount before it was rounded.
	Exact  string
	Inputs []InputRow
	// Days is the part of a bill that the line is of; empty where it has one.
	Days string
	// Corrects names the bill that the line corrects; empty on all others.
	Corrects string
}

// InputRow is one service's part in a line.
type InputRow struct {
	Namespace, Service string
	Quantity           Figure
}

// newBillRows returns a row a bill, its period in days of the zone.
func newBillRows(d TenantData, zone *time.Location) []BillRow {
	names := billNames(d.Bills, zone)
	corrected := correctedBy(d.Bills, names)
	var table []BillRow
	for _, b := range d.Bills {
		local := zone
		// A bill keeps the zone that it was made in.
		if loc, err := time.LoadLocation(b.Timezone); err == nil {
			local = loc
		}
		row := BillRow{
			ID: string(b.ID), Number: b.Number, Period: span(b.Period.Start, b.Period.End, local),
			Status: string(b.Status), Total: money(b.Total, b.Currency), Created: at(b.CreatedAt, local),
			Lines: newLineRows(b.Lines, b.Currency, names, local),
			Parts: partRows(b, d.Plans, local),
			Life:  lifeOf(b, d.Credits[b.ID], corrected[b.ID], local),
		}
		for _, w := range b.Warnings {
			row.Notes = append(row.Notes, sentence(w))
		}
		table = append(table, row)
	}
	return table
}

// billNames are what bills are called in what is said of others: by number, or
// by period before they have one.
func billNames(all []invoq.Bill, zone *time.Location) map[invoq.BillID]string {
	names := map[invoq.BillID]string{}
	for _, b := range all {
		names[b.ID] = "bill " + b.Number
		if b.Number == "" {
			names[b.ID] = "the draft of " + span(b.Period.Start, b.Period.End, zone)
		}
	}
	return names
}

// nameOf calls a bill by its id where it has no name here.
func nameOf(names map[invoq.BillID]string, id invoq.BillID) string {
	if name := names[id]; name != "" {
		return name
	}
	return "bill " + string(id)
}

// correctedBy lists for each bill those that correct it.
func correctedBy(all []invoq.Bill, names map[invoq.BillID]string) map[invoq.BillID][]string {
	found := map[invoq.BillID][]string{}
	for _, b := range all {
		if b.Status == invoq.BillVoid {
			continue
		}
		sums := map[invoq.BillID]invoq.Decimal{}
		var order []invoq.BillID
		for _, l := range b.Lines {
			if l.Corrects == "" {
				continue
			}
			if _, seen := sums[l.Corrects]; !seen {
				order = append(order, l.Corrects)
			}
			sums[l.Corrects] = sums[l.Corrects].Add(l.Amount)
		}
		for _, id := range order {
			found[id] = append(found[id], "Corrected by "+money(sums[id], b.Currency).Text+
				" on "+nameOf(names, b.ID)+".")
		}
	}
	return found
}

// partRows say what prices which days; bills from before parts have one.
func partRows(b invoq.Bill, plans map[invoq.PlanID]string, zone *time.Location) []PartRow {
	parts := b.Parts
	if len(parts) == 0 && b.PlanID != "" {
		parts = []invoq.BillPart{{Period: b.Period, PlanID: b.PlanID, PlanVersion: b.PlanVersion}}
	}
	var all []PartRow
	for _, p := range parts {
		all = append(all, PartRow{
			Days: span(p.Period.Start, p.Period.End, zone), Plan: planLabel(plans, p.PlanID, p.PlanVersion),
		})
	}
	return all
}

// lifeOf says what became of a bill, in order of time.
func lifeOf(
	b invoq.Bill, credits []invoq.CreditNote, corrections []string, zone *time.Location,
) []string {
	var all []string
	told := func(what string, when time.Time, more string) {
		if when.IsZero() {
			return
		}
		text := what + " " + at(when, zone).Text
		if more != "" {
			text += ": " + more
		}
		all = append(all, sentence(text))
	}
	told("Issued", b.FinalizedAt, "")
	told("Paid", b.PaidAt, b.Payment)
	for _, c := range credits {
		told(money(c.Amount, c.Currency).Text+" taken back by credit note "+c.Number+",", c.CreatedAt, c.Reason)
	}
	told("Void since", b.VoidedAt, b.VoidReason)
	return append(all, corrections...)
}

// newLineRows returns a row a line of a bill; names are those of other bills.
func newLineRows(
	all []invoq.BillLine, c invoq.Currency, names map[invoq.BillID]string, zone *time.Location,
) []LineRow {
	var table []LineRow
	for _, l := range all {
		row := LineRow{
			Rate: l.Rate, Meter: meterName(l.Meter), Month: l.Month,
			Quantity: quantity(l.Meter, l.Quantity), Free: quantity(l.Meter, l.Free),
			Billable: quantity(l.Meter, l.Billable),
			Amount:   money(l.Amount, c), Exact: price(l.Exact, c),
		}
		if !l.Price.IsZero() {
			row.Price = price(l.Price, c)
		}
		if l.Corrects != "" {
			row.Corrects = nameOf(names, l.Corrects)
		}
		if l.Period.Start.Before(l.Period.End) {
			row.Days = span(l.Period.Start, l.Period.End, zone)
		}
		for _, in := range l.Inputs {
			row.Inputs = append(row.Inputs, InputRow{
				Namespace: in.Namespace, Service: in.Service, Quantity: quantity(l.Meter, in.Quantity),
			})
		}
		table = append(table, row)
	}
	return table
}
