package campaign

import (
	"fmt"

	"invoq"
)

// Reckoning is what the client's record and the server's store come to
// together.
type Reckoning struct {
	// Acknowledged are the items that must be stored. Unknown are those that
	// were sent and never acknowledged; Kept is how many of them are stored.
	Acknowledged, Unknown, Kept int
	// Lost were acknowledged and are not stored, Doubled are stored more than
	// once, Alien were never sent, Altered say something else than was sent.
	Lost, Doubled, Alien, Altered int
	// Want is what the stored items come to by the client's record, Have by the
	// store.
	Want, Have invoq.Decimal
}

// Reckon compares what is stored, in any order, with what the client knows.
func (r Record) Reckon(stored []Item) (Reckoning, error) {
	k := Reckoning{Acknowledged: len(r.Acknowledged), Unknown: len(r.Sent) - len(r.Acknowledged)}
	seen := make(map[string]int, len(stored))
	for _, item := range stored {
		have, err := invoq.ParseDecimal(item.Quantity)
		if err != nil {
			return k, fmt.Errorf("quantity of stored %q: %w", item.ID, err)
		}
		k.Have = k.Have.Add(have)
		if seen[item.ID]++; seen[item.ID] > 1 {
			k.Doubled++
			continue
		}
		sent, known := r.Sent[item.ID]
		if !known {
			k.Alien++
			continue
		}
		want, err := invoq.ParseDecimal(sent.Quantity)
		if err != nil {
			return k, fmt.Errorf("quantity of sent %q: %w", item.ID, err)
		}
		k.Want = k.Want.Add(want)
		if sent.Hash != item.Hash || !want.Equal(have) {
			k.Altered++
		}
		if !r.Acknowledged[item.ID] {
			k.Kept++
		}
	}
	for id := range r.Acknowledged {
		if seen[id] == 0 {
			k.Lost++
		}
	}
	return k, nil
}

// OK reports whether nothing is lost, doubled, alien or altered and the
// quantities agree to the last digit.
func (k Reckoning) OK() bool {
	return k.Lost+k.Doubled+k.Alien+k.Altered == 0 && k.Want.Equal(k.Have)
}

// String says the reckoning in a line.
func (k Reckoning) String() string {
	return fmt.Sprintf("%d acknowledged, %d unknown (%d of them stored), %d lost, %d doubled, "+
		"%d alien, %d altered, quantities %s of %s", k.Acknowledged, k.Unknown, k.Kept, k.Lost,
		k.Doubled, k.Alien, k.Altered, k.Have, k.Want)
}
