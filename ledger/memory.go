package ledger

import (
	"context"
	"fmt"

	"invoq"
)

// Memory tells what is in the book, for those who take events in. It is safe
// for concurrent use.
type Memory struct {
	store interface {
		Identifier
		Known(ctx context.Context, keys []KeyID) (map[KeyID]Key, error)
	}
	people directory
}

// NewMemory returns the memory of the book in the store.
func NewMemory(store Store) *Memory {
	return &Memory{store: store, people: directory{store: store}}
}

// Recall returns what the book has under the request id of each event. What
// waits in the queue is not in the book yet.
func (m *Memory) Recall(ctx context.Context, events []invoq.Event) ([]invoq.Recall, error) {
	ids, err := m.people.identify(ctx, events)
	if err != nil {
		return nil, err
	}
	keys := make([]KeyID, len(events))
	for i := range events {
		keys[i] = NewKeyID(ids[i].Tenant, events[i].RequestID)
	}
	known, err := m.store.Known(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("look for %d requests in the book: %w", len(events), err)
	}
	recalled := make([]invoq.Recall, len(events))
	for i := range events {
		key, found := known[keys[i]]
		if !found {
			continue
		}
		entries, err := entriesOf(nil, &events[i], ids[i])
		if err != nil {
			return nil, err
		}
		recalled[i] = invoq.RecallOther
		if content, _ := contentOf(entries, nil); content == key.Content {
			recalled[i] = invoq.RecallSame
		}
	}
	return recalled, nil
}
