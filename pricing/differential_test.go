package pricing_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"invoq"
	"invoq/pricing"
)

// TestDifferential prices random plans, periods and usage twice, by Price and
// by naive, and holds every line, amount and quantity against each other. The
// long run:
//
//	go test ./pricing -run TestDifferential -rapid.checks=100000
func TestDifferential(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		st, err := pricing.Price(s.plan, s.period, s.usage)
		if err != nil {
			t.Fatalf("price: %v", err)
		}
		n := naive{scenario: s}
		n.price()
		compareLines(t, n, st)
		compareUnpriced(t, n, st)
	})
}

func compareLines(t *rapid.T, n naive, st pricing.Statement) {
	total, exact := new(big.Rat), new(big.Rat)
	for _, l := range st.Lines {
		key := lineKey{l.Month, l.Rate, l.Kind}
		want, ok := n.lines[key]
		if !ok {
			t.Fatalf("line %v is not wanted: %+v", key, l)
		}
		delete(n.lines, key)
		amount := halfUp(want.exact, digitsOf(n.plan.Currency))
		free := new(big.Rat)
		if l.Kind == invoq.LineUsage {
			free = want.free
		}
		for _, c := range []struct {
			name string
			got  invoq.Decimal
			want *big.Rat
		}{{"exact", l.Exact, want.exact}, {"amount", l.Amount, amount},
			{"quantity", l.Quantity, want.quantity}, {"free", l.Free, free},
			{"billable", l.Billable, sub(want.quantity, free)}} {
			if rat(c.got).Cmp(c.want) != 0 {
				t.Fatalf("line %v: %s is %s, want %s", key, c.name, c.got, c.want.FloatString(40))
			}
		}
		total, exact = add(total, amount), add(exact, want.exact)
	}
	for key, line := range n.lines {
		t.Fatalf("line %v is missing: exact %s", key, line.exact.FloatString(40))
	}
	if rat(st.Total).Cmp(total) != 0 || rat(st.Exact).Cmp(exact) != 0 {
		t.Fatalf("total %s, exact %s, want %s, %s", st.Total, st.Exact, total, exact)
	}
}

func compareUnpriced(t *rapid.T, n naive, st pricing.Statement) {
	for _, u := range st.Unpriced {
		key := pricing.Unpriced{Meter: u.Meter, Reason: u.Reason}
		if want := n.unpriced[key]; want == nil || want.Cmp(rat(u.Quantity)) != 0 {
			t.Fatalf("unpriced %v, want %v", u, want)
		}
		delete(n.unpriced, key)
	}
	for key, quantity := range n.unpriced {
		if quantity.Sign() != 0 {
			t.Fatalf("unpriced %v of %s is missing", key, quantity)
		}
	}
}
