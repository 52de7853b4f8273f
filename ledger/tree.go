package ledger

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the right edge of the Merkle tree over the book: what is needed to
// append. Its size in memory is the logarithm of the book's. The zero value is
// the empty tree. The shape and the hashes are those of RFC 6962, section 2.1.
type Tree struct {
	size int64
	// peaks are the roots of the full subtrees, the largest first: one for
	// each bit of size that is set.
	peaks []tlog.Hash
}

// LoadTree returns the right edge of the tree of the given size from its
// stored hashes.
func LoadTree(size int64, r tlog.HashReader) (Tree, error) {
	if size == 0 {
		return Tree{}, nil
	}
	var indexes []int64
	for rest, from := size, int64(0); rest > 0; {
		level := 63 - bits.LeadingZeros64(uint64(rest))
		indexes = append(indexes, tlog.StoredHashIndex(level, from>>level))
		from += 1 << level
		rest -= 1 << level
	}
	peaks, err := r.ReadHashes(indexes)
	if err != nil {
		return Tree{}, fmt.Errorf("read the edge of the tree of %d entries: %w", size, err)
	}
	return Tree{size: size, peaks: peaks}, nil
}

// Size returns how many leaves the tree has.
func (t *Tree) Size() int64 { return t.size }

// Clone returns a tree that can grow without this one.
func (t *Tree) Clone() Tree {
	return Tree{size: t.size, peaks: append([]tlog.Hash(nil), t.peaks...)}
}

// Append adds a leaf and appends the hashes that are to be stored for it, the
// leaf's own first: those that package tlog keeps from StoredHashIndex(0, n).
func (t *Tree) Append(leaf tlog.Hash, stored []tlog.Hash) []tlog.Hash {
	stored = append(stored, leaf)
	h := leaf
	for range bits.TrailingZeros64(^uint64(t.size)) {
		h = tlog.NodeHash(t.peaks[len(t.peaks)-1], h)
		t.peaks = t.peaks[:len(t.peaks)-1]
		stored = append(stored, h)
	}
	t.peaks = append(t.peaks, h)
	t.size++
	return stored
}

// Root returns the hash of the whole tree.
func (t *Tree) Root() tlog.Hash {
	if t.size == 0 {
		return emptyRoot()
	}
	root := t.peaks[len(t.peaks)-1]
	for i := len(t.peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(t.peaks[i], root)
	}
	return root
}

// emptyRoot is the hash of the tree without leaves: of the empty string.
func emptyRoot() tlog.Hash {
	root, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic("BUG: hash of the empty tree: " + err.Error())
	}
	return root
}
