package invoq

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseDecimal(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		d, err := ParseDecimal(in)
		got := d.String()
		if err != nil {
			got = string(KindOf(err))
		}
		if got != want {
			t.Errorf("ParseDecimal(%q) = %s, want %s", in, got, want)
		}
	}
	f("0", "0")
	f("-0", "0")
	f("-0.00", "0")
	f("1.2300", "1.23")
	f("100", "100")
	f("1e3", "1000")
	f("0.0000000000163", "0.0000000000163")
	f("1.63e-11", "0.0000000000163")
	f("9223372036854775808", "9223372036854775808")
	f("1e400", "unprocessable")
	f("1e-400", "unprocessable")
	f("NaN", "unprocessable")
	f("Infinity", "unprocessable")
	f("", "unprocessable")
	f("1,5", "unprocessable")
	f("0x10", "unprocessable")
	f(strings.Repeat("9", 61), "unprocessable")
	f(strings.Repeat("9", 60), strings.Repeat("9", 60))
}

func TestDecimalRound(t *testing.T) {
	f := func(in string, places int32, want string) {
		t.Helper()
		if got := MustDecimal(in).Fixed(places); got != want {
			t.Errorf("%s to %d places = %s, want %s", in, places, got, want)
		}
	}
	f("1.005", 2, "1.01")
	f("1.0049999999999", 2, "1.00")
	f("-1.005", 2, "-1.01")
	f("0.5", 0, "1")
	f("0.4", 0, "0")
	f("0.0000001", 2, "0.00")
	f("-0.0000001", 2, "0.00")
	f("12", 3, "12.000")
	f("999.995", 2, "1000.00")
}

func TestDecimalQuo(t *testing.T) {
	f := func(a, b string, places int32, want string) {
		t.Helper()
		if got := MustDecimal(a).Quo(MustDecimal(b), places).Fixed(places); got != want {
			t.Errorf("%s / %s to %d places = %s, want %s", a, b, places, got, want)
		}
	}
	f("1", "3", 5, "0.33333")
	f("2", "3", 5, "0.66667")
	f("-2", "3", 0, "-1")
	f("1", "8", 2, "0.13")
	f("1e-30", "3", 2, "0.00")
	f("1e30", "7", 2, "142857142857142857142857142857.14")
	f("0", "7", 2, "0.00")
}

// Arithmetic agrees with math/big.Rat, an implementation that shares nothing
// with ours.
func TestDecimalAgainstRat(t *testing.T) {
	gen := rapid.StringMatching(`-?[0-9]{1,18}(\.[0-9]{1,18})?`)
	rapid.Check(t, func(t *rapid.T) {
		as, bs := gen.Draw(t, "a"), gen.Draw(t, "b")
		places := rapid.Int32Range(0, 12).Draw(t, "places")
		a, b := MustDecimal(as), MustDecimal(bs)
		ra, _ := new(big.Rat).SetString(as)
		rb, _ := new(big.Rat).SetString(bs)
		same := func(op string, d Decimal, r *big.Rat) {
			got, ok := new(big.Rat).SetString(d.String())
			if !ok || got.Cmp(r) != 0 {
				t.Fatalf("%s %s %s = %s, want %s", as, op, bs, d, r.FloatString(40))
			}
		}
		same("+", a.Add(b), new(big.Rat).Add(ra, rb))
		same("-", a.Sub(b), new(big.Rat).Sub(ra, rb))
		same("*", a.Mul(b), new(big.Rat).Mul(ra, rb))
		if got, want := a.Fixed(places), ra.FloatString(int(places)); got != want && strings.Trim(want, "-0.") != "" {
			t.Fatalf("round %s to %d = %s, want %s", as, places, got, want)
		}
		if rb.Sign() == 0 {
			return
		}
		want := new(big.Rat).Quo(ra, rb).FloatString(int(places))
		if got := a.Quo(b, places).Fixed(places); got != want && strings.Trim(want, "-0.") != "" {
			t.Fatalf("%s / %s to %d = %s, want %s", as, bs, places, got, want)
		}
	})
}

func TestDecimalJSON(t *testing.T) {
	for _, in := range []string{`"1.50"`, `1.50`, `15e-1`} {
		var d Decimal
		if err := json.Unmarshal([]byte(in), &d); err != nil {
			t.Fatalf("read %s: %v", in, err)
		}
		if out, _ := json.Marshal(d); string(out) != `"1.5"` {
			t.Errorf("%s came back as %s", in, out)
		}
	}
	for _, in := range []string{`true`, `null`, `"x"`, `{}`, `1e999`} {
		var d Decimal
		if err := d.UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("%s was read as %s", in, d)
		}
	}
}

// TestParseDecimalShort compares numbers of few digits, which are read without
// a big number, with the same numbers read with one.
func TestParseDecimalShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[-+]?[0-9]{0,12}\.?[0-9]{0,12}`).Draw(t, "number")
		got, err := ParseDecimal(s)
		want, wantErr := ParseDecimal(s + "e0")
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q is read with error %v, with an exponent %v", s, err, wantErr)
		}
		if err == nil && (got.String() != want.String() || got.Sign() != want.Sign()) {
			t.Fatalf("%q is read as %s, with an exponent as %s", s, got, want)
		}
	})
}
