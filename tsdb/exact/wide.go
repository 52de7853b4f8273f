package exact

import (
	"math"
	"math/big"
	"math/bits"

	"invoq"
)

// uint128 is an unsigned integer of 128 bits, in which sums of many counters
// stay exact whatever the counters say. Sums beyond it wrap, which takes an
// exabyte of memory for a century.
type uint128 struct{ hi, lo uint64 }

// add adds n, which is not negative.
func (u *uint128) add(n int64) {
	var carry uint64
	u.lo, carry = bits.Add64(u.lo, uint64(n), 0)
	u.hi += carry
}

// addProduct adds a × b.
func (u *uint128) addProduct(a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	var carry uint64
	u.lo, carry = bits.Add64(u.lo, lo, 0)
	u.hi, _ = bits.Add64(u.hi, hi, carry)
}

// scaled returns u × 10^exponent.
func (u uint128) scaled(exponent int32) invoq.Decimal {
	if u.hi == 0 && u.lo <= math.MaxInt64 {
		return invoq.NewDecimal(int64(u.lo), exponent)
	}
	n := new(big.Int).SetUint64(u.hi)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(u.lo))
	return invoq.MustDecimal(n.String()).Scale(exponent)
}

// mbMs returns half of u byte·ns as MB·ms (2^20 bytes × 10^6 ns).
func (u uint128) mbMs() invoq.Decimal {
	if u == (uint128{}) {
		return invoq.Decimal{}
	}
	return u.scaled(0).Quo(invoq.NewDecimal(1<<21, 0), mbMsPlaces+6).Scale(-6).Round(mbMsPlaces)
}
