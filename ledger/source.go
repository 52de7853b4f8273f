package ledger

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"invoq"
)

// Function identifies a service whose usage is of functions.
type Function struct {
	Tenant             invoq.TenantID
	Namespace, Service string
}

// function returns which function the entry counts and from what, or false for
// usage of resources.
func (e *Entry) function() (Function, invoq.CountedBy, bool) {
	if !e.isFunctions() {
		return Function{}, "", false
	}
	by := invoq.ByEvents
	if strings.HasPrefix(e.RequestID, invoq.WindowPrefix) {
		by = invoq.ByMetrics
	}
	return Function{e.TenantID, e.Namespace, e.Service}, by, true
}

// isFunctions reports whether the entry's meter is one of functions.
func (e *Entry) isFunctions() bool {
	switch e.Meter {
	case invoq.Invocations, invoq.DurationMs, invoq.MBMs, invoq.CPUMs, invoq.ColdStarts, invoq.Errors:
		return true
	}
	return false
}

// findSources marks events of functions that are counted from the other source
// at the time of the event. What a function is counted from is settled by its
// first usage, until the owner changes it.
func (b *Book) findSources(ctx context.Context, drafts []draft) error {
	if len(b.sources) > maxIdentities {
		clear(b.sources)
	}
	claims := map[Function]invoq.CountedBy{}
	for i := range drafts {
		f, by, is := drafts[i].entries[0].function()
		if _, known := b.sources[f]; !is || known {
			continue
		}
		if _, first := claims[f]; !first {
			claims[f] = by
		}
	}
	if len(claims) > 0 {
		settled, err := b.store.Claim(ctx, claims)
		if err != nil {
			return fmt.Errorf("settle what %d functions are counted from: %w", len(claims), err)
		}
		maps.Copy(b.sources, settled)
	}
	for i := range drafts {
		d := &drafts[i]
		d.outcome = "" // What it was by sources that have changed meanwhile.
		f, by, is := d.entries[0].function()
		if is && b.sources[f].At(d.entries[0].EventTime) != by {
			d.outcome = Elsewhere
		}
	}
	return nil
}
