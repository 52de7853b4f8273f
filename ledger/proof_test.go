package ledger_test

import (
	"encoding/json"
	"testing"

	"invoq"
	"invoq/ledger"
)

// Every entry can be proved in every head after it, with the head and the
// public key alone, and a proof of anything else fails.
func TestProofs(t *testing.T) {
	s := newShelf(t)
	for i := range 5 {
		s.post(t, events(7*i, 7*i+7)...)
		s.sign(t)
	}
	verifier, err := s.folder.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	notes, err := s.folder.SignedNotes()
	if err != nil || len(notes) != 5 {
		t.Fatalf("%d heads: %v", len(notes), err)
	}
	entries, err := s.db.Entries(t.Context(), invoq.Everyone(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var heads []ledger.Head
	for _, note := range notes {
		head, err := verifier.Open(note)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, head)
		for _, e := range entries[:head.Size] {
			p, err := ledger.Prove(t.Context(), s.db, e, head, note)
			if err != nil {
				t.Fatal(err)
			}
			checkProof(t, p, verifier)
		}
	}
	for i, from := range heads {
		for _, to := range heads[i:] {
			p, err := ledger.ProveGrowth(t.Context(), s.db, from, to)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.CheckGrowth(p, from, to); err != nil {
				t.Error(err)
			}
			other := from
			other.Root[0] ^= 1
			if err := ledger.CheckGrowth(p, other, to); err == nil {
				t.Errorf("a book of %d entries is said to continue another", to.Size)
			}
		}
	}
}

// checkProof checks the proof as it arrives elsewhere, and that no bit of it
// can be changed.
func checkProof(t *testing.T, p ledger.Proof, v *ledger.Verifier) {
	t.Helper()
	sent, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var got ledger.Proof
	if err := json.Unmarshal(sent, &got); err != nil {
		t.Fatal(err)
	}
	if _, err := got.Check(v); err != nil {
		t.Error(err)
	}
	wrong := func(what string, change func(*ledger.Proof)) {
		t.Helper()
		changed := got
		changed.Entry = append([]byte(nil), got.Entry...)
		change(&changed)
		if _, err := changed.Check(v); invoq.KindOf(err) != invoq.KindUnprocessable {
			t.Errorf("entry %d with %s is proved: %v", p.Position, what, err)
		}
	}
	wrong("another quantity", func(p *ledger.Proof) { p.Entry[40] ^= 1 })
	wrong("another position", func(p *ledger.Proof) { p.Position++ })
	wrong("another head", func(p *ledger.Proof) { p.Head = "x" + p.Head })
}
