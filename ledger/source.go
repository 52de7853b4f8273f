package ledger

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"invoq"
)

// CountedBy is what a function's usage is counted from. A service is counted
// from one of the two and never from both, or it would be billed twice.
type CountedBy string

// What functions are counted from.
const (
	ByMetrics CountedBy = "metrics" // windows over its samples
	ByEvents  CountedBy = "events"  // what a program tells of single calls
)

// Function identifies a service whose usage is of functions.
type Function struct {
	Tenant             invoq.TenantID
	Namespace, Service string
}

// function returns which function the entry counts and from what, or false for
// usage of resources.
func (e *Entry) function() (Function, CountedBy, bool) {
	switch e.Meter {
	case invoq.Invocations, invoq.DurationMs, invoq.MBMs, invoq.CPUMs, invoq.ColdStarts, invoq.Errors:
	default:
		return Function{}, "", false
	}
	by := ByEvents
	if strings.HasPrefix(e.RequestID, invoq.WindowPrefix) {
		by = ByMetrics
	}
	return Function{e.TenantID, e.Namespace, e.Service}, by, true
}

// findSources marks events of functions that are counted from the other source.
// What a function is counted from is settled by its first usage.
func (b *Book) findSources(ctx context.Context, drafts []draft) error {
	claims := map[Function]CountedBy{}
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
		if len(b.sources) > maxIdentities {
			clear(b.sources)
		}
		maps.Copy(b.sources, settled)
	}
	for i := range drafts {
		f, by, is := drafts[i].entries[0].function()
		if is && b.sources[f] != by {
			drafts[i].outcome = Elsewhere
		}
	}
	return nil
}
