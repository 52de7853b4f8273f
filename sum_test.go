package invoq

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestSumIsExact holds Sum against adding one decimal after the other, over
// coefficients and exponents on both sides of what a machine integer holds.
func TestSumIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		coefficient := rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64(),
			rapid.SampledFrom([]int64{0, math.MaxInt64, math.MinInt64, math.MinInt64 + 1}))
		var sum Sum
		var want Decimal
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			d := NewDecimal(coefficient.Draw(t, "coefficient"), rapid.Int32Range(-20, 20).Draw(t, "exponent"))
			if rapid.Bool().Draw(t, "large") {
				d = d.Mul(d)
			}
			sum.Add(&d)
			want = want.Add(d)
		}
		if sum.Decimal().Cmp(want) != 0 {
			t.Fatalf("sum %s, want %s", sum.Decimal(), want)
		}
	})
}

// TestSumStaysInteger shows that the fast path is one: nothing is allocated.
func TestSumStaysInteger(t *testing.T) {
	whole, fraction := MustDecimal("1000"), MustDecimal("0.000001")
	var sum Sum
	if n := testing.AllocsPerRun(100, func() { sum.Add(&whole); sum.Add(&fraction) }); n != 0 {
		t.Errorf("%v allocations to add two small numbers", n)
	}
}
