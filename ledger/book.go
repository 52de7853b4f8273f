package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"invoq"
)

// Posting is one append.
type Posting struct {
	// Keys are the requests, each once, sorted. The store sets their Batch to
	// the size of the book.
	Keys []Key
	// Build is called in the store's transaction, when nobody else can append.
	// It gets the tail of the book and those of the keys that were known
	// before. A batch without entries is not stored.
	Build func(tail Tail, known map[KeyID]ContentID) (Batch, []Refusal, error)
}

// Tail is the end of a book: its size, its root and how to read the hashes of
// the tree.
type Tail struct {
	Size   int64
	Root   tlog.Hash
	Hashes tlog.HashReader
	// SourceChanges is how often the source of any function was changed.
	SourceChanges int64
}

// Refusal is a request that the book did not take, kept so that its sender can
// be told.
type Refusal struct {
	Key       Key
	Tenant    invoq.TenantID
	RequestID string
	Reason    string
}

// Store is what a book is kept in.
type Store interface {
	Identifier
	// Tail returns the size and root of the book.
	Tail(ctx context.Context) (size int64, root tlog.Hash, err error)
	// Hashes returns stored hashes by their indexes.
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
	// Known returns those of the keys that are in the book.
	Known(ctx context.Context, keys []KeyID) (map[KeyID]Key, error)
	// Claim settles what functions are counted from, where it is not settled
	// yet, and returns what holds.
	Claim(ctx context.Context, claims map[Function]invoq.CountedBy) (map[Function]Sources, error)
	// Post appends, all or nothing.
	Post(ctx context.Context, p Posting) error
	// PutHead keeps a signed head beside the book.
	PutHead(ctx context.Context, h Head, note string) error
}

// Rater fills in what entries cost, in the order in which they are posted. What
// an entry is billed may depend on all entries before it, so a rater is told
// where in the book entries come to stand, and whether they did.
type Rater interface {
	// Rate fills in the charges of entries that follow the book's first at
	// entries, while nobody else can append; it is told their tenants' names.
	// They are in the book if Posted is called next, and else perhaps not.
	Rate(
		ctx context.Context, at int64, entries []Entry, tenants map[invoq.TenantID]invoq.TenantName,
	) error
	// Posted tells that the entries which were rated last are in the book, and
	// that it has size entries with them.
	Posted(size int64)
}

// Book appends events to a ledger. It is for one goroutine at a time; several
// processes may have the same ledger open and give way to each other.
type Book struct {
	store Store
	rater Rater
	sign  *Signer
	heads *HeadFile
	log   *slog.Logger
	now   func() time.Time

	tree   Tree
	signed int64 // size of the last head
	people directory
	// sources are what functions are counted from, once it is settled, as it
	// was after so many changes or later.
	sources       map[Function]Sources
	sourceChanges int64
	buf           []byte
}

// Config is what a book is opened with.
type Config struct {
	Store Store
	// Rater says what entries cost; nil leaves all of them unpriced.
	Rater Rater
	// Folder holds the key and the signed heads, Name names the book in them.
	Folder Folder
	Name   string
	Log    *slog.Logger
	Now    func() time.Time
}

// Open opens a book. It is KindConflict when the database is not a continuation
// of the last head that was signed: then it has been rolled back or rewritten,
// and appending would hide it.
func Open(ctx context.Context, cfg Config) (*Book, error) {
	b := &Book{
		store: cfg.Store, rater: cfg.Rater, log: cfg.Log, now: cfg.Now,
		people: directory{store: cfg.Store}, sources: map[Function]Sources{},
	}
	var err error
	if b.sign, err = cfg.Folder.Signer(cfg.Name); err != nil {
		return nil, err
	}
	if err := b.reload(ctx); err != nil {
		return nil, err
	}
	if err := b.checkHead(ctx, cfg.Folder); err != nil {
		return nil, err
	}
	if b.heads, err = cfg.Folder.OpenHeads(); err != nil {
		return nil, err
	}
	return b, nil
}

// Close signs what is not signed and closes the file of heads.
func (b *Book) Close(ctx context.Context) error {
	return errors.Join(b.SignHead(ctx), b.heads.Close())
}

// Size returns how many entries the book had when this one last looked.
func (b *Book) Size() int64 { return b.tree.size }

// reload reads the right edge of the tree.
func (b *Book) reload(ctx context.Context) error {
	size, root, err := b.store.Tail(ctx)
	if err != nil {
		return fmt.Errorf("read the tail of the book: %w", err)
	}
	b.tree, err = load(Tail{Size: size, Root: root, Hashes: reader(ctx, b.store)})
	return err
}

// load reads the right edge of the tree and compares its root.
func load(tail Tail) (Tree, error) {
	tree, err := LoadTree(tail.Size, tail.Hashes)
	if err != nil {
		return Tree{}, err
	}
	if tail.Size > 0 && tree.Root() != tail.Root {
		return Tree{}, invoq.Errorf(invoq.KindConflict,
			"the book's stored hashes do not make its root: run invoq verify")
	}
	return tree, nil
}

// checkHead compares the database with the last head that was signed here.
func (b *Book) checkHead(ctx context.Context, folder Folder) error {
	last, found, err := folder.lastHead()
	if err != nil || !found {
		return err
	}
	if last.Size > b.tree.size {
		return invoq.Errorf(invoq.KindConflict, "the database has %d entries, but a head over %d "+
			"was signed at %s: it was rolled back; run invoq verify",
			b.tree.size, last.Size, last.Time.Format(time.RFC3339))
	}
	root, err := tlog.TreeHash(last.Size, reader(ctx, b.store))
	if err != nil {
		return fmt.Errorf("compute the root of %d entries: %w", last.Size, err)
	}
	if root != last.Root {
		return invoq.Errorf(invoq.KindConflict, "the first %d entries are not those whose head "+
			"was signed at %s: run invoq verify", last.Size, last.Time.Format(time.RFC3339))
	}
	b.signed = last.Size
	return nil
}

// reader reads stored hashes for package tlog.
func reader(ctx context.Context, s interface {
	Hashes(context.Context, []int64) ([]tlog.Hash, error)
}) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		return s.Hashes(ctx, indexes)
	})
}

// SignHead signs the book as it is, writes the head to the file and then beside
// the book. It does nothing when nothing was appended since the last head.
func (b *Book) SignHead(ctx context.Context) error {
	if b.tree.size == b.signed {
		return nil
	}
	h := Head{Size: b.tree.size, Root: b.tree.Root(), Time: b.now().UTC().Truncate(time.Second)}
	note, err := b.sign.Sign(h)
	if err != nil {
		return err
	}
	if err := b.heads.Append(note); err != nil {
		return err
	}
	b.signed = h.Size
	if err := b.store.PutHead(ctx, h, note); err != nil {
		return fmt.Errorf("store the head of %d entries: %w", h.Size, err)
	}
	return nil
}
