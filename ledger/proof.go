package ledger

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"invoq"
)

// Hashes is where stored hashes of the tree are read from.
type Hashes interface {
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
}

// Proof shows that an entry is in the book of a signed head, to somebody who
// has the public key and neither the database nor our word.
type Proof struct {
	Position int64 `json:"position"`
	// Entry is the entry's canonical encoding, of which the leaf is the hash.
	Entry []byte `json:"entry"`
	// Path are the hashes beside the way from the leaf to the root (RFC 6962,
	// section 2.1.1).
	Path tlog.RecordProof `json:"path"`
	// Head is the signed note.
	Head string `json:"head"`
}

// Prove returns the proof that the entry is in the book of the signed head,
// which must be larger than the entry's position.
func Prove(ctx context.Context, h Hashes, e Entry, head Head, note string) (Proof, error) {
	path, err := tlog.ProveRecord(head.Size, e.Position, reader(ctx, h))
	if err != nil {
		return Proof{}, fmt.Errorf("prove entry %d in a book of %d: %w", e.Position, head.Size, err)
	}
	return Proof{Position: e.Position, Entry: e.AppendEncoding(nil), Path: path, Head: note}, nil
}

// Check returns the head in whose book the proof shows the entry to be. An
// error of KindUnprocessable says that the proof shows nothing.
func (p Proof) Check(v *Verifier) (Head, error) {
	h, err := v.Open(p.Head)
	if err != nil {
		return h, invoq.Errorf(invoq.KindUnprocessable, "the proof's head is not signed by the "+
			"book's key").WithCause(err)
	}
	leaf := tlog.RecordHash(p.Entry)
	if err := tlog.CheckRecord(p.Path, h.Size, h.Root, p.Position, leaf); err != nil {
		return h, invoq.Errorf(invoq.KindUnprocessable, "the proof does not lead from entry %d to "+
			"the root of the book of %d", p.Position, h.Size).WithCause(err)
	}
	return h, nil
}

// ProveGrowth returns the proof that the book of the larger head begins with
// that of the smaller (RFC 6962, section 2.1.2).
func ProveGrowth(ctx context.Context, h Hashes, from, to Head) (tlog.TreeProof, error) {
	p, err := tlog.ProveTree(to.Size, from.Size, reader(ctx, h))
	if err != nil {
		return nil, fmt.Errorf("prove that %d entries continue %d: %w", to.Size, from.Size, err)
	}
	return p, nil
}

// CheckGrowth returns an error of KindUnprocessable unless the proof shows that
// the book of the larger head begins with that of the smaller.
func CheckGrowth(p tlog.TreeProof, from, to Head) error {
	if err := tlog.CheckTree(p, to.Size, to.Root, from.Size, from.Root); err != nil {
		return invoq.Errorf(invoq.KindUnprocessable, "the book of %d entries does not begin with "+
			"that of %d", to.Size, from.Size).WithCause(err)
	}
	return nil
}
