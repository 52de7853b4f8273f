package pricing

import (
	"strings"
	"testing"

	"invoq"
)

func TestAllocate(t *testing.T) {
	f := func(amount string, places int32, weights, want string) {
		t.Helper()
		var ws []invoq.Decimal
		for w := range strings.FieldsSeq(weights) {
			ws = append(ws, d(w))
		}
		var got []string
		for _, part := range Allocate(d(amount), ws, places) {
			got = append(got, part.Fixed(places))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s by %s is %v, want %s", amount, weights, got, want)
		}
	}
	f("1.00", 2, "1 1 1", "0.34 0.33 0.33")
	f("0.02", 2, "1 1 1", "0.01 0.01 0.00")
	f("100", 0, "1 1 1", "34 33 33")
	f("-1.00", 2, "1 1 1", "-0.34 -0.33 -0.33")
	f("10.00", 2, "0.6 0.3 0.1", "6.00 3.00 1.00")
	f("0.05", 2, "3 7", "0.02 0.03") // 0.015 and 0.035: equal remainders, the first gets the unit
	f("0.10", 2, "1 0 2", "0.03 0.00 0.07")
	f("0", 2, "1 2", "0.00 0.00")
	f("5.55", 2, "7", "5.55")
}

func TestAllocatePanics(t *testing.T) {
	f := func(amount string, want string, weights ...string) {
		t.Helper()
		defer func() {
			if r, _ := recover().(string); !strings.Contains(r, want) {
				t.Errorf("panic %q, want %q", r, want)
			}
		}()
		var ws []invoq.Decimal
		for _, w := range weights {
			ws = append(ws, d(w))
		}
		Allocate(d(amount), ws, 2)
	}
	f("1", "all 0")
	f("1", "all 0", "0", "0")
	f("1", "negative weight -1", "2", "-1")
	f("0.001", "not rounded", "1")
}
