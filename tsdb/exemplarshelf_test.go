package tsdb

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// everySeries selects all.
var everySeries = []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+")}

// A tenant that sends without end loses its own oldest, and others keep theirs.
func TestExemplarShelfIsFair(t *testing.T) {
	s := newExemplarShelf(1000)
	add := func(tenant string, n int) {
		for i := range n {
			ls := labels.FromStrings("__name__", "m", "tenant", tenant)
			e := exemplar.Exemplar{Labels: labels.FromStrings("trace_id", fmt.Sprint(i)), Ts: int64(i), HasTs: true}
			s.add(invoq.TenantName(tenant), ls, e, 0)
		}
	}
	count := func(tenant string) int {
		n := 0
		for _, r := range s.Select(invoq.TenantName(tenant), math.MinInt64, math.MaxInt64, everySeries) {
			n += len(r.Exemplars)
		}
		return n
	}
	want := func(when string, counts map[string]int) {
		t.Helper()
		for tenant, n := range counts {
			if got := count(tenant); got != n {
				t.Errorf("%s: %q has %d, want %d", when, tenant, got, n)
			}
		}
	}
	add("small", 100)
	add("flood", 50_000)
	want("one floods", map[string]int{"small": 100, "flood": 900, "": 1000, "nobody": 0})
	add("other", 20_000)
	want("two flood", map[string]int{"small": 100, "flood": 450, "other": 450, "": 1000})
	found := s.Select("flood", 0, math.MaxInt64, everySeries)[0].Exemplars
	if last := found[len(found)-1].Ts; last != 49_999 {
		t.Errorf("the newest is of %d", last)
	}
}

// Exemplars outlive a restart.
func TestExemplarsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	in := func(c *Config) { c.Dir = dir }
	s := openAt(t, in)
	one := of("a", 0, 1)
	one.Exemplars = []ingesttest.Exemplar{{Labels: []string{"trace_id", "x"}, T: at(-5), V: 1}}
	for _, tenant := range []invoq.TenantName{"acme", "zeta"} {
		if _, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: tenant}, ingesttest.Batch(one)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s = open(t, in)
	for _, tenant := range []invoq.TenantName{"acme", "zeta"} {
		all, err := s.ScopedExemplars(tenant).Select(0, math.MaxInt64, everySeries)
		if err != nil || len(all) != 1 || len(all[0].Exemplars) != 1 || all[0].SeriesLabels.Get("tenant") != string(tenant) {
			t.Errorf("%s sees %v %v", tenant, all, err)
		}
	}
}

// Room for exemplars grows with them, none is lost meanwhile, and those that
// come again long afterwards are known.
func TestExemplarsGrow(t *testing.T) {
	dir := t.TempDir()
	in := func(c *Config) { c.Dir = dir }
	write := func(s *Store, number int) {
		one := of("a", float64(number), 1)
		for i := range 100 {
			id := fmt.Sprint(number, "-", i)
			one.Exemplars = append(one.Exemplars,
				ingesttest.Exemplar{Labels: []string{"trace_id", id}, T: at(number) + int64(i), V: 1})
		}
		if _, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, ingesttest.Batch(one)); err != nil {
			t.Fatal(err)
		}
	}
	want := func(s *Store, kept int, room int64) {
		t.Helper()
		if n := s.shelf.count(); n != kept {
			t.Errorf("%d exemplars, want %d", n, kept)
		}
		if n := s.core.Load().exemplars.Load(); n != room {
			t.Errorf("room for %d, want %d", n, room)
		}
	}
	s := openAt(t, in)
	want(s, 0, fewExemplars)
	for number := range 30 {
		write(s, number)
	}
	write(s, 0)
	want(s, 3000, 4*fewExemplars)
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	want(open(t, in), 3000, 4*fewExemplars)
}
