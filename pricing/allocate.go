package pricing

import (
	"cmp"
	"slices"

	"invoq"
)

// Allocate splits a rounded amount into parts in proportion to weights, 0 or
// more, so that the parts add up to the amount: each part is its exact share
// rounded down at the given decimal places, and the units left over go to the
// largest remainders, of equal ones to the first (the method of Hamilton).
// A negative amount is split as its positive one.
//
// It panics where the weights are all 0 or one is negative, or where the
// amount has more decimal places: the caller knows what its parts are.
func Allocate(amount invoq.Decimal, weights []invoq.Decimal, places int32) []invoq.Decimal {
	if amount.Sign() < 0 {
		parts := Allocate(amount.Neg(), weights, places)
		for i := range parts {
			parts[i] = parts[i].Neg()
		}
		return parts
	}
	if amount.Places() > places {
		panic("BUG: allocate " + amount.String() + ", which is not rounded")
	}
	var whole invoq.Decimal
	for _, w := range weights {
		if w.Sign() < 0 {
			panic("BUG: allocate by the negative weight " + w.String())
		}
		whole = whole.Add(w)
	}
	if whole.IsZero() {
		panic("BUG: allocate by weights that are all 0")
	}
	parts := hamilton(amount.Scale(places), whole, weights)
	for i := range parts {
		parts[i] = parts[i].Scale(-places)
	}
	return parts
}

// hamilton splits an integer number of units by weights that add up to whole.
func hamilton(units, whole invoq.Decimal, weights []invoq.Decimal) []invoq.Decimal {
	parts := make([]invoq.Decimal, len(weights))
	remainders := make([]invoq.Decimal, len(weights)) // × whole
	order := make([]int, len(weights))
	left := units
	for i, w := range weights {
		share := units.Mul(w)
		parts[i] = floorQuo(share, whole)
		remainders[i] = share.Sub(parts[i].Mul(whole))
		order[i] = i
		left = left.Sub(parts[i])
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(remainders[b].Cmp(remainders[a]), cmp.Compare(a, b))
	})
	n, _ := left.Int() // Fewer than there are parts.
	for _, i := range order[:n] {
		parts[i] = parts[i].Add(one)
	}
	return parts
}

// floorQuo returns d ÷ unit rounded down to an integer; d is 0 or more, unit
// more than 0.
func floorQuo(d, unit invoq.Decimal) invoq.Decimal {
	n := d.Quo(unit, 0)
	if n.Mul(unit).Cmp(d) > 0 {
		return n.Sub(one)
	}
	return n
}
