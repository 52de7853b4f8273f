package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"invoq"
)

// maxIdentities bounds the users whose ids are remembered.
const maxIdentities = 1 << 20

// Person names a user of a tenant.
type Person struct {
	Tenant invoq.TenantName
	User   string
}

// Identity is under which ids the book knows a person.
type Identity struct {
	Tenant invoq.TenantID
	User   UserID
}

// Identifier finds identities.
type Identifier interface {
	// Identify returns the identities of persons, in their order, and
	// registers those that are new.
	Identify(ctx context.Context, persons []Person) ([]Identity, error)
}

// directory remembers identities, which never change. It is safe for
// concurrent use.
type directory struct {
	store Identifier

	mu    sync.Mutex
	known map[Person]Identity
}

// identify returns the identity of each event's user, from memory where it can.
func (d *directory) identify(ctx context.Context, events []invoq.Event) ([]Identity, error) {
	ids := make([]Identity, len(events))
	missing := d.fill(ids, events)
	// Fast path: all are known.
	if len(missing) == 0 {
		return ids, nil
	}
	slices.SortFunc(missing, comparePersons)
	missing = slices.Compact(missing)
	found, err := d.store.Identify(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("identify %d users: %w", len(missing), err)
	}
	d.learn(missing, found)
	if left := d.fill(ids, events); len(left) > 0 {
		return nil, fmt.Errorf("user %q of tenant %q has no id", left[0].User, left[0].Tenant)
	}
	return ids, nil
}

// fill sets the ids that are known and returns who is not.
func (d *directory) fill(ids []Identity, events []invoq.Event) (missing []Person) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range events {
		p := Person{events[i].Tenant, events[i].User}
		id, ok := d.known[p]
		if !ok {
			missing = append(missing, p)
		}
		ids[i] = id
	}
	return missing
}

func (d *directory) learn(persons []Person, ids []Identity) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[Person]Identity{}
	}
	for len(d.known)+len(persons) > maxIdentities && len(d.known) > 0 {
		for p := range d.known { // Any will do: who comes again is asked for again.
			delete(d.known, p)
			break
		}
	}
	for i, p := range persons {
		// Names point into the message that they came in, which must not be kept.
		p.Tenant, p.User = invoq.TenantName(strings.Clone(string(p.Tenant))), strings.Clone(p.User)
		d.known[p] = ids[i]
	}
}

func comparePersons(a, b Person) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), strings.Compare(a.User, b.User))
}
