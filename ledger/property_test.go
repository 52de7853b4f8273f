package ledger_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/ledger"
)

// line is what an entry says, without its place and the ids of one database.
type line struct {
	RequestID              string
	Quantity, Real, Billed string
}

// book returns what the book says, in an order of its own, and its totals.
func (s *shelf) book(t *testing.T) (lines []line, realCost, billed invoq.Decimal) {
	t.Helper()
	entries, err := s.db.Entries(t.Context(), invoq.Everyone(), 0, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		lines = append(lines, line{
			e.RequestID, e.Quantity.String(), e.RealCost.String(), e.BilledCost.String(),
		})
		realCost, billed = realCost.Add(e.RealCost), billed.Add(e.BilledCost)
	}
	slices.SortFunc(lines, func(a, b line) int { return cmpStrings(a.RequestID, b.RequestID) })
	return lines, realCost, billed
}

func cmpStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// The same events make the same book in whatever order, however often and in
// whatever company they come.
func TestAnyOrderMakesTheSameBook(t *testing.T) {
	const n = 120
	plain := newShelf(t)
	plain.post(t, events(0, n)...)
	want, wantReal, wantBilled := plain.book(t)
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		random := rand.New(rand.NewPCG(seed, 1))
		copies := rapid.IntRange(1, 3).Draw(rt, "copies")
		var all []invoq.Event
		for range copies {
			all = append(all, events(0, n)...)
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		s := newShelf(t)
		for len(all) > 0 {
			part := min(len(all), 1+random.IntN(100))
			for _, outcome := range s.post(t, all[:part]...) {
				if outcome != ledger.Posted && outcome != ledger.Duplicate {
					rt.Fatalf("an event was %s", outcome)
				}
			}
			all = all[part:]
		}
		got, realCost, billed := s.book(t)
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatal(diff)
		}
		if !realCost.Equal(wantReal) || !billed.Equal(wantBilled) {
			rt.Fatalf("costs are %s and %s, want %s and %s", realCost, billed, wantReal, wantBilled)
		}
		if r := s.verify(t); !r.OK() {
			rt.Fatal(said(r))
		}
	})
}
