package invoq

import (
	"math"

	"github.com/cockroachdb/apd/v3"
)

// Sum adds up many decimals exactly without a big number for each: it counts
// in a machine integer at one exponent for as long as that holds. The zero
// value is 0; it must not be copied while both copies are in use.
type Sum struct {
	units    int64 // × 10^exponent
	exponent int32
	rest     Decimal // what did not fit
}

// Add adds d, which must be finite, as every parsed decimal is.
func (s *Sum) Add(d *Decimal) {
	// Fast path: same exponent, and it fits.
	if d.n.Exponent == s.exponent && d.n.Form == apd.Finite && d.n.Coeff.IsInt64() {
		v := d.n.Coeff.Int64()
		if d.n.Negative {
			v = -v
		}
		if s.addUnits(v) {
			return
		}
	}
	s.addScaled(d)
}

// Decimal returns the sum.
func (s *Sum) Decimal() Decimal {
	if s.rest.IsZero() {
		return NewDecimal(s.units, s.exponent)
	}
	return s.rest.Add(NewDecimal(s.units, s.exponent))
}

func (s *Sum) addUnits(v int64) bool {
	sum := s.units + v
	if (sum > s.units) != (v > 0) {
		return false // It wrapped.
	}
	s.units = sum
	return true
}

// addScaled brings both to the smaller exponent; what is too large for that
// goes to rest.
func (s *Sum) addScaled(d *Decimal) {
	if s.units == 0 {
		s.exponent = d.n.Exponent
	}
	exponent := min(s.exponent, d.n.Exponent)
	v, ok := d.int64()
	if ok {
		v, ok = scaleInt64(v, d.n.Exponent-exponent)
	}
	units, fits := scaleInt64(s.units, s.exponent-exponent)
	if fits {
		s.units, s.exponent = units, exponent
	}
	if !ok || !fits || !s.addUnits(v) {
		s.rest = s.Decimal().Add(*d)
		s.units = 0
	}
}

// int64 returns the coefficient with its sign, if it fits.
func (d *Decimal) int64() (int64, bool) {
	if d.n.Form != apd.Finite || !d.n.Coeff.IsInt64() {
		return 0, false
	}
	if d.n.Negative {
		return -d.n.Coeff.Int64(), true
	}
	return d.n.Coeff.Int64(), true
}

// scaleInt64 returns v × 10^power, power 0 or more, if it fits.
func scaleInt64(v int64, power int32) (int64, bool) {
	for ; power > 0 && v != 0; power-- {
		if v > math.MaxInt64/10 || v < math.MinInt64/10 {
			return 0, false
		}
		v *= 10
	}
	return v, true
}
