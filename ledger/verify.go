package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"invoq"
)

// verifyBatches is how many batches are read at once.
const verifyBatches = 16

// maxProblems bounds what is told: a book that is broken everywhere is broken.
const maxProblems = 100

// ErrDamaged is what a Source wraps when what it reads is there and makes no
// sense: a page whose checksum is wrong, a number that is none.
var ErrDamaged = errors.New("what is stored is damaged")

// Source is where a book is read from to be verified.
type Source interface {
	Tail(ctx context.Context) (size int64, root tlog.Hash, err error)
	Batches(ctx context.Context, from int64, limit int) ([]Batch, error)
	Entries(ctx context.Context, s invoq.Scope, from, to int64) ([]Entry, error)
	Known(ctx context.Context, keys []KeyID) (map[KeyID]Key, error)
	KeyCounts(ctx context.Context) (map[int64]int, error)
	Strays(ctx context.Context) (int64, error)
	// WrongSums returns how many stored sums are not what entries add up to.
	WrongSums(ctx context.Context) (int64, error)
	Notes(ctx context.Context) ([]string, error)
}

// Problem is one thing that is not as it was written.
type Problem struct {
	// Batch is the position of the first entry of the batch, Position that of
	// the entry; −1 where the problem is no batch's, or no single entry's.
	Batch    int64  `json:"batch"`
	Position int64  `json:"position"`
	Text     string `json:"text"`
}

// String says where and what.
func (p Problem) String() string {
	switch {
	case p.Position >= 0:
		return fmt.Sprintf("batch at %d, entry %d: %s", p.Batch, p.Position, p.Text)
	case p.Batch >= 0:
		return fmt.Sprintf("batch at %d: %s", p.Batch, p.Text)
	}
	return p.Text
}

// Report is what a verification has found.
type Report struct {
	Entries  int64     `json:"entries"`
	Batches  int       `json:"batches"`
	Heads    int       `json:"heads"`
	Root     tlog.Hash `json:"root"`
	Problems []Problem `json:"problems"`
	// More is how many problems there are beside those listed.
	More int `json:"more,omitempty"`
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// FirstBad returns the position at which the first bad batch begins, or false
// when no batch is bad.
func (r *Report) FirstBad() (int64, bool) {
	first, found := int64(0), false
	for _, p := range r.Problems {
		if p.Batch >= 0 && (!found || p.Batch < first) {
			first, found = p.Batch, true
		}
	}
	return first, found
}

func (r *Report) add(p Problem) {
	if len(r.Problems) >= maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, p)
}

// Verification checks a book against itself and against its signed heads.
type Verification struct {
	Source Source
	// Verifier checks the signatures; Notes reads the heads kept outside the
	// database, oldest first. It is called once, at the moment at which a book
	// that goes on growing can be held against them.
	Verifier *Verifier
	Notes    func() ([]string, error)
	// Progress, if not nil, is told how many entries have been checked of all.
	Progress func(done, total int64)

	report Report
	heads  []Head // sorted by size; those that have been checked are cut off
	good   Head   // the last head that was right
	broken bool   // a head was wrong, and so are all that follow
	keys   map[int64]int
	tree   Tree
	lost   bool // the tree cannot be computed: a batch is missing
	buf    []byte
}

// Run recomputes the whole book from its entries: each leaf from the entry's
// own fields, each inner hash, the root of every batch and of every head, and
// the memory of requests. The error is one of reading; what is wrong with the
// book is in the report.
func (v *Verification) Run(ctx context.Context) (*Report, error) {
	// First the heads: those that are signed from now on are of a larger book.
	if err := v.openHeads(ctx); err != nil {
		return nil, err
	}
	size, _, err := v.Source.Tail(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the size of the book: %w", err)
	}
	if v.keys, err = v.Source.KeyCounts(ctx); err != nil {
		return nil, fmt.Errorf("count the keys of the book: %w", err)
	}
	next := int64(0)
	for next < size {
		batches, err := v.Source.Batches(ctx, next, verifyBatches)
		if err != nil {
			return nil, fmt.Errorf("read batches from %d: %w", next, err)
		}
		for i := range batches {
			if err := v.batch(ctx, &batches[i], next); err != nil {
				return nil, err
			}
			next = max(next, batches[i].End())
			v.tell(next, size)
		}
		if len(batches) == 0 {
			break
		}
	}
	v.report.Root = v.tree.Root()
	return &v.report, v.finish(ctx, size)
}

func (v *Verification) tell(done, total int64) {
	if v.Progress != nil {
		v.Progress(min(done, total), total)
	}
}

// batch checks one batch, which should begin at next.
func (v *Verification) batch(ctx context.Context, b *Batch, next int64) error {
	v.report.Batches++
	if b.First != next {
		v.report.add(Problem{b.First, -1, fmt.Sprintf(
			"it should begin at %d: a batch before it is missing or was moved", next)})
		v.lost = true
	}
	entries, err := v.Source.Entries(ctx, invoq.Everyone(), b.First, b.End())
	if errors.Is(err, ErrDamaged) {
		// The batches behind it may be readable, and the tree above its leaves is.
		v.report.add(Problem{b.First, -1, fmt.Sprintf("its entries cannot be read: %v", err)})
		v.inner(b)
		delete(v.keys, b.First)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read entries of the batch at %d: %w", b.First, err)
	}
	v.report.Entries += int64(len(entries))
	v.leaves(b, entries)
	v.inner(b)
	return v.requests(ctx, b, entries)
}

// leaves compares the entries with the leaves that were stored for them.
func (v *Verification) leaves(b *Batch, entries []Entry) {
	at := b.First
	for i := range entries {
		e := &entries[i]
		if e.Position > at {
			v.report.add(Problem{b.First, at, "the entry is missing"})
			at = e.Position
		}
		if e.Position < at {
			v.report.add(Problem{b.First, e.Position, "there is more than one entry at the position"})
			continue
		}
		var leaf tlog.Hash
		leaf, v.buf = e.Leaf(v.buf)
		if stored, ok := b.leaf(at); !ok || leaf != stored {
			v.report.add(Problem{b.First, at, "the entry is not what was hashed when it was posted"})
		}
		at++
	}
	if at < b.End() {
		v.report.add(Problem{b.First, at, fmt.Sprintf(
			"the last %d entries of the batch are missing", b.End()-at)})
	}
}

// leaf returns the stored hash of the entry at a position of the batch.
func (b *Batch) leaf(position int64) (tlog.Hash, bool) {
	i := tlog.StoredHashIndex(0, position) - tlog.StoredHashIndex(0, b.First)
	if i < 0 || i >= int64(len(b.Hashes)) {
		return tlog.Hash{}, false
	}
	return b.Hashes[i], true
}

// inner recomputes the hashes above the leaves, the batch's root and the heads
// that were signed over it. It goes on from the stored leaves: where an entry
// differs from its leaf, that has been said, and what follows is still checked.
func (v *Verification) inner(b *Batch) {
	if b.FirstHash != tlog.StoredHashIndex(0, b.First) {
		v.report.add(Problem{b.First, -1, "its hashes are not stored where they are looked for"})
	}
	if v.lost {
		return
	}
	var computed []tlog.Hash
	for at := b.First; at < b.End(); at++ {
		leaf, ok := b.leaf(at)
		if !ok {
			v.report.add(Problem{b.First, at, "the entry's hash is missing"})
			v.lost = true
			return
		}
		computed = v.tree.Append(leaf, computed)
		v.headsAt(b)
	}
	if !slices.Equal(computed, b.Hashes) {
		v.report.add(Problem{b.First, -1, "its stored hashes are not those of its leaves"})
	}
	if v.tree.Root() != b.Root {
		v.report.add(Problem{b.First, -1, "its root is not that of its hashes"})
	}
}

// requests compares the memory of requests with the entries.
func (v *Verification) requests(ctx context.Context, b *Batch, entries []Entry) error {
	var ids []KeyID
	contents := map[KeyID]ContentID{}
	for len(entries) > 0 {
		n := 1 // The entries of one request follow each other.
		for n < len(entries) && sameRequest(&entries[0], &entries[n]) {
			n++
		}
		id := NewKeyID(entries[0].TenantID, entries[0].RequestID)
		ids = append(ids, id)
		contents[id], v.buf = contentOf(entries[:n], v.buf)
		entries = entries[n:]
	}
	known, err := v.Source.Known(ctx, ids)
	if err != nil {
		return fmt.Errorf("read keys of the batch at %d: %w", b.First, err)
	}
	wrong := 0
	for id, content := range contents {
		if k, ok := known[id]; !ok || k.Content != content || k.Batch != b.First {
			wrong++
		}
	}
	if wrong > 0 {
		v.report.add(Problem{b.First, -1, fmt.Sprintf(
			"the memory of %d of its %d requests is missing or was changed", wrong, len(contents))})
	}
	if n := v.keys[b.First]; n > len(contents) {
		v.report.add(Problem{b.First, -1, fmt.Sprintf(
			"%d requests are remembered that it does not have", n-len(contents))})
	}
	delete(v.keys, b.First)
	return nil
}

func sameRequest(a, b *Entry) bool { return a.TenantID == b.TenantID && a.RequestID == b.RequestID }
