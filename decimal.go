package invoq

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Limits of a decimal read from outside. They hold every price (18 places and
// more) and every quantity (2^63 byte-nanoseconds) with room to spare, and
// keep a hostile "1e999999999" from allocating its digits.
const (
	MaxDecimalDigits = 60
	maxDecimalPlaces = 60
)

// exact has no precision, so sums and products are never rounded; a result
// that would need rounding is an error, not a guess.
var exact = apd.Context{
	MaxExponent: apd.MaxExponent,
	MinExponent: apd.MinExponent,
	Traps:       apd.DefaultTraps,
}

// Decimal is an exact decimal number: a quantity, a price or an amount. It is
// immutable, copies freely, and its zero value is 0.
type Decimal struct {
	n apd.Decimal
}

// NewDecimal returns coefficient × 10^exponent.
func NewDecimal(coefficient int64, exponent int32) Decimal {
	return Decimal{n: *apd.New(coefficient, exponent)}
}

// ParseDecimal reads a finite number in plain or scientific notation that has at
// most MaxDecimalDigits digits in the former. Errors are of KindUnprocessable.
func ParseDecimal(s string) (Decimal, error) {
	if len(s) > 2*MaxDecimalDigits {
		return Decimal{}, Errorf(KindUnprocessable, "number has %d characters, at most %d are read",
			len(s), 2*MaxDecimalDigits)
	}
	// Fast path: few digits, which need no big number.
	if coefficient, exponent, ok := parseShort(s); ok {
		return NewDecimal(coefficient, exponent), nil
	}
	n, _, err := apd.NewFromString(s)
	if err != nil || n.Form != apd.Finite {
		return Decimal{}, Errorf(KindUnprocessable, "%q is not a decimal number", s)
	}
	// Zeros that an exponent stands for are digits, too: plain notation has them,
	// and has to be read again.
	digits := n.NumDigits() + max(int64(n.Exponent), 0)
	if digits > MaxDecimalDigits || n.Exponent < -maxDecimalPlaces {
		return Decimal{}, Errorf(KindUnprocessable, "number %q has more than %d digits", s, MaxDecimalDigits)
	}
	if n.IsZero() {
		return Decimal{}, nil
	}
	return Decimal{n: *n}, nil
}

// shortDigits is how many digits always fit 64 bits.
const shortDigits = 18

// parseShort reads a number without an exponent, of few digits, at least one of
// them before a point and one behind it.
func parseShort(s string) (coefficient int64, exponent int32, ok bool) {
	digits := strings.TrimPrefix(s, "-")
	if len(digits) == 0 || len(digits) > shortDigits {
		return 0, 0, false
	}
	point := -1
	for i := range len(digits) {
		switch c := digits[i]; {
		case c >= '0' && c <= '9':
			coefficient = 10*coefficient + int64(c-'0')
		case c == '.' && point < 0 && i > 0 && i+1 < len(digits):
			point = i
		default:
			return 0, 0, false
		}
	}
	if point >= 0 {
		exponent = int32(point + 1 - len(digits))
	}
	if len(digits) < len(s) {
		coefficient = -coefficient
	}
	return coefficient, exponent, true
}

// MustDecimal is ParseDecimal for constants in code; it panics on an error.
func MustDecimal(s string) Decimal {
	d, err := ParseDecimal(s)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return d
}

// Add returns d + o, exactly.
func (d Decimal) Add(o Decimal) (r Decimal) {
	_, err := exact.Add(&r.n, &d.n, &o.n)
	mustBeExact(err)
	return r
}

// Sub returns d − o, exactly.
func (d Decimal) Sub(o Decimal) (r Decimal) {
	_, err := exact.Sub(&r.n, &d.n, &o.n)
	mustBeExact(err)
	return r
}

// Mul returns d × o, exactly.
func (d Decimal) Mul(o Decimal) (r Decimal) {
	_, err := exact.Mul(&r.n, &d.n, &o.n)
	mustBeExact(err)
	return r
}

// Neg returns −d.
func (d Decimal) Neg() Decimal { return Decimal{}.Sub(d) }

func mustBeExact(err error) {
	if err != nil {
		panic("BUG: exact arithmetic: " + err.Error())
	}
}

// Scale returns d × 10^power, exactly.
func (d Decimal) Scale(power int32) Decimal {
	r := d
	r.n.Exponent += power
	return r
}

// Quo returns d ÷ o rounded half up to the given number of decimal places.
// It panics when o is zero: the caller checks, because only the caller knows
// what a missing divisor means.
func (d Decimal) Quo(o Decimal, places int32) Decimal {
	if o.n.IsZero() {
		panic("BUG: decimal division by zero")
	}
	// Truncate with guard digits, then round once: half up looks only at the
	// first digit it drops, so the digits lost behind the guard cannot matter.
	digits := d.n.NumDigits() + int64(d.n.Exponent) - o.n.NumDigits() - int64(o.n.Exponent) + int64(places) + 4
	ctx := exact
	ctx.Precision = uint32(max(digits, 4))
	ctx.Rounding = apd.RoundDown
	var q Decimal
	if _, err := ctx.Quo(&q.n, &d.n, &o.n); err != nil {
		panic(fmt.Sprintf("BUG: divide %s by %s: %v", d, o, err))
	}
	return q.Round(places)
}

// Round returns d rounded half up (away from zero on a tie) to the given
// number of decimal places, 0 or more. This is the only rounding of money.
func (d Decimal) Round(places int32) Decimal {
	ctx := exact
	ctx.Rounding = apd.RoundHalfUp
	ctx.Precision = uint32(max(d.n.NumDigits()+int64(d.n.Exponent)+int64(places), 0) + 2)
	var r Decimal
	if _, err := ctx.Quantize(&r.n, &d.n, -places); err != nil {
		panic(fmt.Sprintf("BUG: round %s to %d places: %v", d, places, err))
	}
	if r.n.IsZero() {
		r.n.Negative = false
	}
	return r
}

// Cmp returns −1, 0 or +1 as d is less than, equal to or greater than o.
func (d Decimal) Cmp(o Decimal) int { return d.n.Cmp(&o.n) }

// Equal reports whether the two are the same number: 1.5 equals 1.50.
func (d Decimal) Equal(o Decimal) bool { return d.Cmp(o) == 0 }

// Sign returns −1, 0 or +1.
func (d Decimal) Sign() int { return d.n.Sign() }

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.n.Sign() == 0 }

// Max returns the greater of the two.
func (d Decimal) Max(o Decimal) Decimal {
	if d.Cmp(o) < 0 {
		return o
	}
	return d
}

// Min returns the lesser of the two.
func (d Decimal) Min(o Decimal) Decimal {
	if d.Cmp(o) > 0 {
		return o
	}
	return d
}

// Places returns how many decimal places the number needs, 0 or more.
func (d Decimal) Places() int32 {
	var r apd.Decimal
	r.Reduce(&d.n)
	return max(-r.Exponent, 0)
}

// Float returns the nearest float64, for charts and forecasts only.
func (d Decimal) Float() float64 {
	f, err := d.n.Float64()
	if err != nil {
		return 0 // Out of float64's range: a chart shows nothing.
	}
	return f
}

// Int returns d as an integer and whether it is one that fits.
func (d Decimal) Int() (int64, bool) {
	i, err := d.n.Int64()
	return i, err == nil
}

// String returns plain notation: no exponent, no plus sign, no trailing zeros
// behind the point. Equal numbers have equal strings.
func (d Decimal) String() string {
	var digits [64]byte
	return string(d.Append(digits[:0]))
}

// Append appends what String returns.
func (d *Decimal) Append(b []byte) []byte {
	from := len(b)
	b = d.n.Append(b, 'f')
	if bytes.IndexByte(b[from:], '.') >= 0 {
		b = bytes.TrimRight(b, "0")
		b = bytes.TrimSuffix(b, []byte("."))
	}
	if string(b[from:]) == "-0" {
		return append(b[:from], '0')
	}
	return b
}

// Fixed returns plain notation with exactly the given number of places; it is
// for showing amounts that are already rounded, and rounds half up otherwise.
func (d Decimal) Fixed(places int32) string {
	r := d.Round(places)
	return r.n.Text('f')
}

// MarshalJSON writes the number as a string, so that no reader takes it for a
// float.
func (d Decimal) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a string or a number literal, digit by digit, with the
// limits of ParseDecimal.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	s := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return Errorf(KindInvalid, "decimal is not a JSON string").WithCause(err)
		}
	}
	n, err := ParseDecimal(s)
	if err != nil {
		return err
	}
	*d = n
	return nil
}

// MarshalText writes plain notation.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDecimal reads.
func (d *Decimal) UnmarshalText(b []byte) error {
	n, err := ParseDecimal(string(b))
	if err != nil {
		return err
	}
	*d = n
	return nil
}

// Value hands the number to a database without a float in between.
func (d Decimal) Value() (driver.Value, error) { return d.String(), nil }

// Scan reads a NUMERIC column; NULL is an error, since no number is not zero.
func (d *Decimal) Scan(src any) error {
	if src == nil {
		return Errorf(KindInternal, "NULL read into a decimal")
	}
	var n apd.Decimal
	if err := n.Scan(src); err != nil {
		return fmt.Errorf("read decimal: %w", err)
	}
	if n.Form != apd.Finite {
		return Errorf(KindInternal, "%s read into a decimal", n.String())
	}
	*d = Decimal{n: n}
	return nil
}
