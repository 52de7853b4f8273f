package ledger_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

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
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.RequestID, b.RequestID) })
	return lines, realCost, billed
}

// The same events make the same book in whatever order, however often and in
// whatever company they come.
func TestAnyOrderMakesTheSameBook(t *testing.T) {
	const n = 120
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	plain := newShelf(t)
	plain.post(t, events(0, n)...)
	want, wantReal, wantBilled := plain.book(t)
	for range rounds {
		seed := rand.Uint64()
		// A book of its own for each seed: nothing leaves a book.
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			s := newShelf(t)
			s.shuffleIn(t, rand.New(rand.NewPCG(seed, 1)), n)
			got, realCost, billed := s.book(t)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
			if !realCost.Equal(wantReal) || !billed.Equal(wantBilled) {
				t.Fatalf("costs are %s and %s, want %s and %s", realCost, billed, wantReal, wantBilled)
			}
			if r := s.verify(t); !r.OK() {
				t.Fatal(said(r))
			}
		})
	}
}

// shuffleIn posts the first n events, each up to three times, in a random order
// and in batches of random sizes.
func (s *shelf) shuffleIn(t *testing.T, random *rand.Rand, n int) {
	t.Helper()
	var all []invoq.Event
	for range 1 + random.IntN(3) {
		all = append(all, events(0, n)...)
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for len(all) > 0 {
		part := min(len(all), 1+random.IntN(100))
		for _, outcome := range s.post(t, all[:part]...) {
			if outcome != ledger.Posted && outcome != ledger.Duplicate {
				t.Fatalf("an event was %s", outcome)
			}
		}
		all = all[part:]
	}
}
