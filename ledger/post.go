package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"invoq"
)

// MaxPosting bounds the events of one posting: a transaction of the database,
// and what is done again when it fails.
const MaxPosting = 10_000

// Outcome is what became of an event.
type Outcome string

// The outcomes. Only what is posted changes the book.
const (
	Posted Outcome = "posted"
	// Duplicate: the same request with the same content is there already.
	Duplicate Outcome = "duplicate"
	// Conflict: the request is there already and says something else.
	Conflict Outcome = "conflict"
	// Unknown: it corrects a request that is not in the book.
	Unknown Outcome = "unknown"
	// Elsewhere: it tells of a function that is counted from metrics already,
	// or from events when it comes from metrics.
	Elsewhere Outcome = "elsewhere"
)

// draft is an event on its way into the book.
type draft struct {
	key     Key
	entries []Entry
	tenant  invoq.TenantID
	name    invoq.TenantName
	named   KeyID // of the request it corrects
	outcome Outcome
}

// Post appends the events that the book does not have yet, in their order, and
// returns what became of each. Events must be valid. Posting the same events
// again, in whatever order and company, changes nothing; after an error it is
// what a caller should do.
func (b *Book) Post(ctx context.Context, events []invoq.Event) ([]Outcome, error) {
	if len(events) > MaxPosting {
		return nil, invoq.Errorf(invoq.KindTooLarge,
			"%d events, at most %d are posted at once", len(events), MaxPosting)
	}
	if len(events) == 0 {
		return nil, nil
	}
	ids, err := b.people.identify(ctx, events)
	if err != nil {
		return nil, err
	}
	drafts, err := b.drafts(events, ids)
	if err != nil {
		return nil, err
	}
	named, err := b.findNamed(ctx, drafts)
	if err != nil {
		return nil, err
	}
	if err := b.appendBySource(ctx, drafts, named); err != nil {
		return nil, fmt.Errorf("post %d events: %w", len(events), err)
	}
	outcomes := make([]Outcome, len(drafts))
	for i := range drafts {
		outcomes[i] = drafts[i].outcome
	}
	return outcomes, nil
}

// drafts turns events into entries without a charge.
func (b *Book) drafts(events []invoq.Event, ids []Identity) ([]draft, error) {
	drafts := make([]draft, len(events))
	room := roomFor(events)
	for i := range events {
		e, d := &events[i], &drafts[i]
		var err error
		if d.entries, err = entriesOf(room, e, ids[i]); err != nil {
			return nil, err
		}
		room = room[len(d.entries):len(d.entries)]
		d.tenant, d.name = ids[i].Tenant, e.Tenant
		d.key.ID = NewKeyID(d.tenant, e.RequestID)
		d.key.Content, b.buf = contentOf(d.entries, b.buf)
		if e.Corrects != "" {
			d.named = NewKeyID(d.tenant, e.Corrects)
		}
	}
	return drafts, nil
}

// findNamed returns those requests of the book that are corrected; nil where
// nothing is. The answer stays right, since nothing leaves the book.
func (b *Book) findNamed(ctx context.Context, drafts []draft) (map[KeyID]Key, error) {
	var named []KeyID
	for i := range drafts {
		if drafts[i].named != (KeyID{}) {
			named = append(named, drafts[i].named)
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	known, err := b.store.Known(ctx, named)
	if err != nil {
		return nil, fmt.Errorf("find what %d events correct: %w", len(named), err)
	}
	return known, nil
}

// markUnknown marks corrections of what is neither in the book nor posted before
// them. They must not be remembered as posted, so it is done before they are.
func markUnknown(drafts []draft, named map[KeyID]Key) {
	// Fast path: nothing is corrected.
	if named == nil {
		return
	}
	before := make(map[KeyID]bool, len(drafts))
	for i := range drafts {
		d := &drafts[i]
		if d.outcome == Elsewhere {
			continue
		}
		if _, found := named[d.named]; d.named != (KeyID{}) && !found && !before[d.named] {
			d.outcome = Unknown
			continue
		}
		before[d.key.ID] = true
	}
}

// errSourcesChanged says that the book remembers sources of functions which the
// owner has changed since.
var errSourcesChanged = errors.New("sources of functions have changed")

// appendBySource posts what is new by the sources that hold when it is posted.
func (b *Book) appendBySource(ctx context.Context, drafts []draft, named map[KeyID]Key) error {
	for {
		if err := b.findSources(ctx, drafts); err != nil {
			return err
		}
		markUnknown(drafts, named)
		err := b.append(ctx, drafts)
		if !errors.Is(err, errSourcesChanged) {
			return err
		}
	}
}

// append posts what is new. The tree grows only when the store has committed;
// where another writer was there meanwhile, its edge is read anew.
func (b *Book) append(ctx context.Context, drafts []draft) error {
	var p Posting
	firsts := make(map[KeyID]int, len(drafts)) // The first draft of each key.
	for i := range drafts {
		d := &drafts[i]
		if _, again := firsts[d.key.ID]; again || d.outcome == Unknown || d.outcome == Elsewhere {
			continue
		}
		firsts[d.key.ID] = i
		p.Keys = append(p.Keys, d.key)
	}
	slices.SortFunc(p.Keys, compareKeys)
	tree, rated := b.tree.Clone(), false
	p.Build = func(tail Tail, known map[KeyID]ContentID) (Batch, []Refusal, error) {
		if tail.SourceChanges != b.sourceChanges {
			clear(b.sources)
			b.sourceChanges = tail.SourceChanges
			return Batch{}, nil, errSourcesChanged
		}
		if tail.Size != tree.size {
			var err error
			if tree, err = load(tail); err != nil {
				return Batch{}, nil, err
			}
		}
		refused := judge(drafts, firsts, known)
		batch, err := b.build(ctx, &tree, drafts)
		rated = b.rater != nil && batch.Count > 0
		return batch, refused, err
	}
	if err := b.store.Post(ctx, p); err != nil {
		return err
	}
	b.tree = tree
	if rated {
		b.rater.Posted(tree.size)
	}
	return nil
}

// judge decides what becomes of each event.
func judge(drafts []draft, firsts map[KeyID]int, known map[KeyID]ContentID) []Refusal {
	var refused []Refusal
	for i := range drafts {
		d := &drafts[i]
		content, seen := known[d.key.ID]
		if first, ok := firsts[d.key.ID]; ok && !seen && first < i {
			content, seen = drafts[first].key.Content, true
		}
		switch {
		case d.outcome == Unknown, d.outcome == Elsewhere:
		case seen && content == d.key.Content:
			d.outcome = Duplicate
			continue
		case seen:
			d.outcome = Conflict
		default:
			d.outcome = Posted
			continue
		}
		refused = append(refused, Refusal{
			Key: d.key, Tenant: d.tenant, RequestID: d.entries[0].RequestID,
			Reason: string(d.outcome),
		})
	}
	return refused
}

// build rates the entries that are posted and hashes them into the tree.
func (b *Book) build(ctx context.Context, tree *Tree, drafts []draft) (Batch, error) {
	batch := Batch{First: tree.size, PostedAt: b.now().UTC().Truncate(time.Microsecond)}
	tenants := map[invoq.TenantID]invoq.TenantName{}
	var told tally
	count := 0
	for i := range drafts {
		if drafts[i].outcome == Posted {
			count += len(drafts[i].entries)
		}
	}
	batch.Entries = make([]Entry, 0, count)
	for i := range drafts {
		if drafts[i].outcome == Posted {
			tenants[drafts[i].tenant] = drafts[i].name
			batch.Entries = append(batch.Entries, drafts[i].entries...)
			told.add(drafts[i].entries)
		}
	}
	batch.Windows = told.usage()
	if b.rater != nil && len(batch.Entries) > 0 {
		if err := b.rater.Rate(ctx, batch.First, batch.Entries, tenants); err != nil {
			return batch, fmt.Errorf("rate %d entries: %w", len(batch.Entries), err)
		}
	}
	batch.Count = len(batch.Entries)
	batch.Hashes = make([]tlog.Hash, 0, 2*batch.Count+64)
	var leaf tlog.Hash
	for i := range batch.Entries {
		batch.Entries[i].Position = tree.size
		leaf, b.buf = batch.Entries[i].Leaf(b.buf)
		batch.Hashes = tree.Append(leaf, batch.Hashes)
	}
	batch.Root = tree.Root()
	return batch, nil
}
