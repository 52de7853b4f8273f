package tsdb

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"invoq"
	"invoq/ingest/ingesttest"
)

// TestRefCacheKnowsWhatItWasTold holds the cache against a plain map, with few
// hashes, labels that share fields, and sweeps in between.
func TestRefCacheKnowsWhatItWasTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newRefCache()
		known := map[string]*seriesEntry{}
		scope := rapid.SampledFrom([]invoq.TenantName{"", "acme", "shop"})
		labels := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", ""}), 0, 3)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				c.sweep()
				c.sweep() // Nothing was used since the last but one.
				c.sweep()
				clear(known)
			case 1:
				c.sweep() // All was used since.
				for _, e := range known {
					e.used = c.age
				}
			case 2:
				c.begin()
			default:
				who := scope.Draw(t, "scope")
				var pairs []string
				for i, value := range labels.Draw(t, "labels") {
					pairs = append(pairs, fmt.Sprint("l", i), value)
				}
				raw := ingesttest.AppendLabels(nil, pairs)
				hash := uint64(len(raw) % 2)
				got, want := c.find(hash, who, raw), known[string(who)+"/"+string(raw)]
				if got != want {
					t.Fatalf("find(%q, %q) = %p, want %p", who, raw, got, want)
				}
				if got == nil {
					e := &seriesEntry{owner: c.owner(owning{who, who})}
					c.add(hash, raw, e)
					known[string(who)+"/"+string(raw)] = e
				}
			}
		}
	})
}

func TestRefCacheForgetsFieldsThatNobodyHas(t *testing.T) {
	c := newRefCache()
	add := func(hash uint64, pairs ...string) {
		c.add(hash, ingesttest.AppendLabels(nil, pairs), &seriesEntry{
			owner: c.owner(owning{tenant: invoq.TenantName(pairs[1])}),
		})
	}
	add(1, "tenant", "acme", "pod", "old")
	c.sweep()
	c.sweep()
	add(2, "tenant", "shop", "pod", "new")
	c.sweep()
	if len(c.entries) != 1 || len(c.fields.fields) != 2 || len(c.fields.numbers) != 2 || len(c.owners) != 1 {
		t.Errorf("%d entries, %d and %d fields, %d owners after the sweep, want 1, 2 and 2, 1",
			len(c.entries), len(c.fields.fields), len(c.fields.numbers), len(c.owners))
	}
	if c.find(2, "", ingesttest.AppendLabels(nil, []string{"tenant", "shop", "pod", "new"})) == nil {
		t.Error("the series that was used is gone")
	}
}
