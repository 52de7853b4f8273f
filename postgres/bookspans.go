package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"invoq"
)

// Span is a stretch of one tenant's usage to be summed as one.
type Span struct {
	Tenant invoq.TenantID
	// Interval is of whole five-minute windows.
	Interval invoq.Interval
	// Month says that Interval is this whole calendar month of the zone, such as
	// 2026-03; both are empty for any other interval.
	Month, Zone string
}

// BookUsage is what the entries of one revision, meter, model and currency in a
// span add up to.
type BookUsage struct {
	Namespace, Service, Revision string
	Meter                        invoq.Meter
	Model                        string // as in package ledger
	Currency                     invoq.Currency
	Quantity                     invoq.Decimal
	// Costed is how much of the quantity has a known cost, RealCost that cost.
	Costed, RealCost invoq.Decimal
	// Billed is what was billed by the entries, at full precision.
	Billed    invoq.Decimal
	Catalogue int64 // the latest version that rated one of them; 0: none
	// Entries is how many there are, at positions from First to Last.
	Entries, First, Last int64
	// The figures of uncertainty are those of invoq.Usage.
	GapSeconds, Assumed, UnmeasuredMs invoq.Decimal
}

// BookSums are sums of the book up to one head.
type BookSums struct {
	Head invoq.BookHead
	// Spans are those asked for, in their order; each by namespace, service,
	// revision, meter, model and currency.
	Spans [][]BookUsage
}

// WholeBook stands for the size that the book has.
const WholeBook = int64(-1)

// SumBook sums the entries of each span by the time of their usage, of those at
// positions before size, which is one that the book has had, or WholeBook. It is
// one head for all spans. Whole months are read from stored sums wherever these
// say exactly the same.
func (db *DB) SumBook(
	ctx context.Context, s invoq.Scope, spans []Span, size int64,
) (BookSums, error) {
	sums := BookSums{Spans: make([][]BookUsage, len(spans))}
	err := db.atOneMoment(ctx, s, func(tx pgx.Tx) error {
		var err error
		if sums.Head, err = headAt(ctx, tx, size); err != nil || len(spans) == 0 {
			return err
		}
		b := bookReader{tx: tx, spans: spans, size: sums.Head.Size, sums: sums.Spans}
		return b.read(ctx)
	})
	return sums, wrap(err, "sum %d spans of the book", len(spans))
}

// SumLate sums the entries of each span at positions from a first one up to
// before size: what came to the book between two of its heads.
func (db *DB) SumLate(
	ctx context.Context, s invoq.Scope, spans []Span, from, size int64,
) ([][]BookUsage, error) {
	b := bookReader{spans: spans, size: size, sums: make([][]BookUsage, len(spans))}
	err := db.in(ctx, s, func(tx pgx.Tx) error {
		b.tx = tx
		return b.query(ctx, sumEntries, positions(len(spans)), from)
	})
	for i := range b.sums {
		b.sums[i] = merged(b.sums[i])
	}
	return b.sums, wrap(err, "sum what came late of %d spans", len(spans))
}

// positions returns the numbers from 0 to before n.
func positions(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// BookHead returns the present head of the book.
func (db *DB) BookHead(ctx context.Context) (invoq.BookHead, error) {
	var h invoq.BookHead
	err := db.in(ctx, invoq.Everyone(), func(tx pgx.Tx) error {
		var err error
		h, err = headAt(ctx, tx, WholeBook)
		return err
	})
	return h, wrap(err, "read the head of the book")
}

// headAt returns the head of the first size entries, which must end a batch.
func headAt(ctx context.Context, tx pgx.Tx, size int64) (invoq.BookHead, error) {
	if size == WholeBook {
		n, root, err := tail(ctx, tx)
		if err != nil || n == 0 {
			return invoq.BookHead{}, err
		}
		return invoq.BookHead{Size: n, Root: root.String()}, nil
	}
	if size == 0 {
		return invoq.BookHead{}, nil
	}
	var root []byte
	err := tx.QueryRow(ctx, `
		SELECT root
		FROM ledger_batches
		WHERE first_entry < $1 AND first_entry + entries = $1
		ORDER BY first_entry DESC
		LIMIT 1`, size).Scan(&root)
	if err != nil {
		return invoq.BookHead{}, fmt.Errorf("find the head of %d entries: %w", size, err)
	}
	return invoq.BookHead{Size: size, Root: hashText(root)}, nil
}

// bookReader sums entries within one transaction.
type bookReader struct {
	tx    pgx.Tx
	spans []Span
	size  int64
	sums  [][]BookUsage
}

// read fills in the sums: of whole months from what is stored, with the entries
// that are not added up yet, and of all else from the entries themselves.
func (b *bookReader) read(ctx context.Context) error {
	var months, rest []int
	for i := range b.spans {
		if b.spans[i].Month != "" {
			months = append(months, i)
		} else {
			rest = append(rest, i)
		}
	}
	if len(months) > 0 {
		var until int64
		err := b.tx.QueryRow(ctx, `SELECT until FROM ledger_summed`).Scan(&until)
		if err != nil {
			return fmt.Errorf("read how far entries are summed: %w", err)
		}
		stale, err := b.stored(ctx, months)
		if err != nil {
			return fmt.Errorf("read stored sums: %w", err)
		}
		rest = append(rest, stale...)
		if fresh := without(months, stale); until < b.size && len(fresh) > 0 {
			if err := b.entries(ctx, fresh, until); err != nil {
				return fmt.Errorf("sum entries from %d: %w", until, err)
			}
		}
	}
	if len(rest) > 0 {
		if err := b.entries(ctx, rest, 0); err != nil {
			return fmt.Errorf("sum entries: %w", err)
		}
	}
	for i := range b.sums {
		b.sums[i] = merged(b.sums[i])
	}
	return nil
}
