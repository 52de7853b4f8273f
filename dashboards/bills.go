package dashboards

import (
	"time"

	"invoq"
)

// BillRow is one bill, with its lines.
type BillRow struct {
	Period  string
	Status  string
	Total   Figure
	Created Moment
	Lines   []LineRow
	// ID is the bill's, for those who ask about it.
	ID string
}

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
}

// InputRow is one service's part in a line.
type InputRow struct {
	Namespace, Service string
	Quantity           Figure
}

// newBillRows returns a row a bill, its period in days of the zone.
func newBillRows(all []invoq.Bill, zone *time.Location) []BillRow {
	var table []BillRow
	for _, b := range all {
		local := zone
		// A bill keeps the zone that it was made in.
		if loc, err := time.LoadLocation(b.Timezone); err == nil {
			local = loc
		}
		table = append(table, BillRow{
			ID: string(b.ID), Period: span(b.Period.Start, b.Period.End, local), Status: string(b.Status),
			Total: money(b.Total, b.Currency), Created: at(b.CreatedAt, local),
			Lines: newLineRows(b.Lines, b.Currency),
		})
	}
	return table
}

// newLineRows returns a row a line of a bill.
func newLineRows(all []invoq.BillLine, c invoq.Currency) []LineRow {
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
		for _, in := range l.Inputs {
			row.Inputs = append(row.Inputs, InputRow{
				Namespace: in.Namespace, Service: in.Service, Quantity: quantity(l.Meter, in.Quantity),
			})
		}
		table = append(table, row)
	}
	return table
}
