package invoq

import (
	"encoding/json"
	"testing"
	"time"

	"invoq/internal/fuzzing"
)

// FuzzText: whatever a number, a date or a window is written like, it is refused
// as the sender's fault, or reads the same once it is written again.
func FuzzText(f *testing.F) {
	readers := []func(text string) (again string, err error){readDecimal, readDecimalJSON, readDate, readWindow}
	for _, text := range []string{
		"0", "-0.00", "1e3", "1.5e-3", "1e60", "-1e60", "1e-60", "0e60", "1e400", "1e999999999", "NaN", "-Infinity",
		"+1", ".5", "5.", "0x1p4", "1_000", "9223372036854775808", "0.12345678901234567", `"1.5"`, "null", "true",
		"-123456789012345678901234567890123456789012345678901234567890e60", "2026-03-01", "2026-02-30", "0000-01-01",
		"5m", "1h", "1d", "7m", "1e9999999999999999999", "'; DROP TABLE bills; --",
	} {
		for kind := range readers {
			f.Add(byte(kind), text)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		read := readers[int(kind)%len(readers)]
		var first string
		var err error
		fuzzing.Default().Hold(t, len(text), func() { first, err = read(text) })
		if err != nil {
			if k := KindOf(err); k != KindUnprocessable && k != KindInvalid {
				t.Fatalf("%q: %v is of kind %q", text, err, k)
			}
			return
		}
		if again, err := read(first); err != nil || again != first {
			t.Fatalf("%q is written %q, and that %q: %v", text, first, again, err)
		}
	})
}

func readDecimal(text string) (string, error) {
	d, err := ParseDecimal(text)
	return d.String(), err
}

func readDecimalJSON(text string) (string, error) {
	var d Decimal
	if err := d.UnmarshalJSON([]byte(text)); err != nil {
		return "", err
	}
	b, err := json.Marshal(d)
	return string(b), err
}

func readDate(text string) (string, error) {
	d, err := ParseDate(text)
	if err != nil {
		return "", err
	}
	return string(DateOf(d.Wall(), time.UTC)), nil
}

func readWindow(text string) (string, error) {
	w, err := ParseWindowSize(text)
	return w.String(), err
}
