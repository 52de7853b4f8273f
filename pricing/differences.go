package pricing

import (
	"cmp"
	"slices"

	"invoq"
)

// Differences returns the lines that turn one statement of a period into
// another in the same currency: for each line of either the second less the
// first, rounded amounts included, without those about nothing. Put on a later
// bill, they correct one that has been issued. Steps and inputs are left out.
func Differences(issued, right Statement) []invoq.BillLine {
	type key struct {
		month, rate string
		kind        invoq.LineKind
	}
	index := map[key]int{}
	var all []invoq.BillLine
	for i, lines := range [][]invoq.BillLine{issued.Lines, right.Lines} {
		for _, l := range lines {
			k := key{l.Month, l.Rate, l.Kind}
			at, ok := index[k]
			if !ok {
				at = len(all)
				index[k] = at
				all = append(all, invoq.BillLine{
					Rate: l.Rate, Kind: l.Kind, Model: l.Model,
					Meter: l.Meter, Month: l.Month, Spot: l.Spot,
				})
			}
			addTo(&all[at], l, i == 0)
		}
	}
	all = slices.DeleteFunc(all, aboutNothing)
	slices.SortStableFunc(all, func(a, b invoq.BillLine) int {
		return cmp.Compare(a.Month, b.Month)
	})
	return all
}

// addTo adds the figures of a line, or takes them off.
func addTo(to *invoq.BillLine, l invoq.BillLine, off bool) {
	op := invoq.Decimal.Add
	if off {
		op = invoq.Decimal.Sub
	}
	to.Quantity = op(to.Quantity, l.Quantity)
	to.Free = op(to.Free, l.Free)
	to.Billable = op(to.Billable, l.Billable)
	to.List = op(to.List, l.List)
	to.Cost = op(to.Cost, l.Cost)
	to.Exact = op(to.Exact, l.Exact)
	to.Amount = op(to.Amount, l.Amount)
}
