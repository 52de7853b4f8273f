package tsdb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// TestRefCacheKnowsWhatItWasTold holds the cache against a plain map, with few
// hashes, labels that share fields, series that come spelled and by number, and
// sweeps in between.
func TestRefCacheKnowsWhatItWasTold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newRefCache()
		known := map[string]*seriesEntry{}
		scope := rapid.SampledFrom([]invoq.TenantName{"", "acme", "shop"})
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
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
			default:
				holdRequest(t, rt, c, known, scope.Draw(rt, "scope"))
			}
		}
	})
}

// holdRequest gives the cache a request of some series, and holds what it finds
// against what is known.
func holdRequest(
	t *testing.T, rt *rapid.T, c *refCache, known map[string]*seriesEntry, who invoq.TenantName,
) {
	labels := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", ""}), 0, 3)
	var series []ingesttest.Series
	for range rapid.IntRange(1, 8).Draw(rt, "series") {
		var pairs []string
		for i, value := range labels.Draw(rt, "labels") {
			pairs = append(pairs, fmt.Sprint("l", i), value)
		}
		series = append(series, ingesttest.Series{Labels: pairs})
	}
	b := eitherBatch(t, rt, series)
	c.begin(b)
	defer c.end()
	for i := range b.Series {
		spelled := b.Series[i] // A copy, so that the cache is asked by number.
		raw := string(b.Spell(&spelled))
		hash := uint64(len(raw) % 2)
		got, want := c.find(hash, who, &b.Series[i]), known[string(who)+"/"+raw]
		if got != want {
			rt.Fatalf("find(%q, %q) = %p, want %p", who, raw, got, want)
		}
		if got == nil {
			e := &seriesEntry{owner: c.owner(owning{who, who})}
			c.add(hash, &b.Series[i], e)
			known[string(who)+"/"+raw] = e
		}
	}
}

// TestSeriesAreInTheSameShardByBothProtocols compares the hashes by which
// series are spread over shards.
func TestSeriesAreInTheSameShardByBothProtocols(t *testing.T) {
	w := open(t, nil).Writer()
	all := append(fleet(200), ingesttest.Series{Labels: []string{"__name__", strings.Repeat("long", 100)}})
	var hashes [2][]uint64
	for i, b := range []*ingest.Batch{ingesttest.Batch(all...), ingesttest.Batch2(t, all...)} {
		var r routing
		w.route(&r, b)
		hashes[i] = r.hashes
	}
	if diff := cmp.Diff(hashes[0], hashes[1]); diff != "" {
		t.Error("hashes (-1.0 +2.0):\n" + diff)
	}
	different := map[uint64]bool{}
	for _, h := range hashes[0] {
		different[h] = true
	}
	if len(different) != len(all) {
		t.Errorf("%d hashes of %d series", len(different), len(all))
	}
}

func TestRefCacheForgetsFieldsThatNobodyHas(t *testing.T) {
	c := newRefCache()
	begin := func(pairs ...string) *ingest.Series {
		b := ingesttest.Batch(ingesttest.Series{Labels: pairs})
		c.begin(b)
		return &b.Series[0]
	}
	add := func(hash uint64, pairs ...string) {
		c.add(hash, begin(pairs...), &seriesEntry{
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
	if c.find(2, "", begin("tenant", "shop", "pod", "new")) == nil {
		t.Error("the series that was used is gone")
	}
}

// TestRefCacheIsBounded sends one series, spelled in ever new ways: empty labels
// are no part of it.
func TestRefCacheIsBounded(t *testing.T) {
	s := open(t, func(c *Config) { c.Shards = 1 })
	sh := s.Writer().shards[0]
	filler := strings.Repeat("x", 900)
	most, sent := 0, 0
	for n := 0; sent < 2*spareCacheBytes; n++ {
		var all []ingesttest.Series
		for i := range 100 {
			pairs := []string{"__name__", "m"}
			for l := range 30 {
				name := fmt.Sprint("l", n, "_", i, "_", l, filler)
				pairs, sent = append(pairs, name, ""), sent+len(name)
			}
			all = append(all, ingesttest.Series{Labels: pairs, Samples: []ingest.Sample{{T: at(n), V: 1}}})
		}
		if got := write(t, s, all...); got != "ok" {
			t.Fatal(got)
		}
		most = max(most, sh.refs.bytes+sh.refs.fields.bytes)
	}
	if request := 100 * 30 * 1024; most > spareCacheBytes+cacheBytesASeries+2*request {
		t.Errorf("%d bytes of labels that mean nothing took %d of the cache", sent, most)
	}
	if got := dump(t, s.Everything()); len(got) != 1 {
		t.Errorf("%d series are stored, want 1", len(got))
	}
	if len(sh.refs.entries) == 0 {
		t.Error("nothing is remembered")
	}
}
