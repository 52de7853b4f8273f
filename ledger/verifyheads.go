package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// openHeads reads the signed heads, those of the file and those beside the
// book. The file is written first, so a head that only the database has was
// taken out of the file.
func (v *Verification) openHeads(ctx context.Context) error {
	beside, err := v.Source.Notes(ctx)
	if err != nil {
		return fmt.Errorf("read the heads beside the book: %w", err)
	}
	// Later than those beside the book, all of which were in the file first.
	notes, err := v.Notes()
	if err != nil {
		return err
	}
	outside := map[Head]bool{}
	for _, n := range notes {
		if torn(n) {
			continue
		}
		if h, ok := v.openHead(n, "in the file"); ok {
			outside[h] = true
		}
	}
	for _, n := range beside {
		h, ok := v.openHead(n, "in the database")
		if ok && !outside[h] {
			v.report.add(Problem{-1, -1, fmt.Sprintf("the head of %d entries, signed at %s, "+
				"stands in the database and not in the file", h.Size, h.Time.Format(time.RFC3339))})
			outside[h] = true
		}
	}
	v.report.Heads = len(outside)
	v.heads = slices.SortedFunc(maps.Keys(outside), func(a, b Head) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), a.Time.Compare(b.Time))
	})
	return nil
}

func (v *Verification) openHead(note, where string) (Head, bool) {
	h, err := v.Verifier.Open(note)
	if err != nil {
		v.report.add(Problem{-1, -1, fmt.Sprintf("a head %s was not signed by the book's key: %v",
			where, err)})
	}
	return h, err == nil
}

// headsAt compares the heads of the tree's present size. The first that is
// wrong names the first batch after the last that is right: between the two
// the book was rewritten. All that follow are wrong with it.
func (v *Verification) headsAt(b *Batch) {
	for len(v.heads) > 0 && v.heads[0].Size <= v.tree.size {
		h := v.heads[0]
		v.heads = v.heads[1:]
		switch {
		case h.Size != v.tree.size:
			continue // Of an empty book, or of before a loss.
		case h.Root == v.tree.Root():
			v.good = h
		case !v.broken:
			v.broken = true
			v.report.add(Problem{v.good.Size, -1, fmt.Sprintf("entries %d to %d are not those over "+
				"which a head was signed at %s: the book was rewritten from this batch on, or from "+
				"one before the batch at %d has ended", v.good.Size, h.Size-1,
				h.Time.Format(time.RFC3339), b.First)})
		}
	}
}

// finish checks what only the end shows.
func (v *Verification) finish(ctx context.Context, size int64) error {
	if len(v.heads) > 0 && !v.lost {
		last := v.heads[len(v.heads)-1]
		v.report.add(Problem{size, -1, fmt.Sprintf("the book ends at entry %d, but a head over %d "+
			"was signed at %s: it was rolled back, or its end was cut off",
			size, last.Size, last.Time.Format(time.RFC3339))})
	}
	for _, first := range slices.Sorted(maps.Keys(v.keys)) {
		if first < size {
			v.report.add(Problem{first, -1, fmt.Sprintf(
				"%d requests are remembered of a batch that is not there", v.keys[first])})
		}
	}
	strays, err := v.Source.Strays(ctx)
	if err != nil {
		return fmt.Errorf("look for entries beyond the end: %w", err)
	}
	if strays > 0 {
		v.report.add(Problem{size, -1, fmt.Sprintf(
			"%d entries stand beyond the last batch", strays)})
	}
	return v.sums(ctx)
}

// sums compares what bills read in place of entries. They are no part of the
// tree, and the application may write them.
func (v *Verification) sums(ctx context.Context) error {
	wrong, err := v.Source.WrongSums(ctx)
	if errors.Is(err, ErrDamaged) {
		v.report.add(Problem{-1, -1, fmt.Sprintf("stored sums cannot be compared: %v", err)})
		return nil
	}
	if err != nil {
		return fmt.Errorf("compare stored sums: %w", err)
	}
	if wrong > 0 {
		v.report.add(Problem{-1, -1, fmt.Sprintf(
			"%d sums by month that bills read are not what the entries add up to", wrong)})
	}
	return nil
}
