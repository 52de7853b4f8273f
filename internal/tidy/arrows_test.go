package tidy

import (
	"slices"
	"testing"
)

// The plan itself is sound: it names rooms that it has, data runs one way in
// it, and nobody but cmd imports api.
func TestRoomsAreAPlan(t *testing.T) {
	byDir := map[string]room{}
	for _, r := range rooms {
		if _, twice := byDir[r.dir]; twice {
			t.Errorf("room %q has two lines", r.dir)
		}
		if r.why == "" {
			t.Errorf("room %q has no reason", r.dir)
		}
		byDir[r.dir] = r
	}
	for _, r := range rooms {
		for _, to := range r.may {
			if _, found := byDir[to]; !found {
				t.Errorf("room %q may import %q, which has no line", r.dir, to)
			}
		}
		if r.dir != "cmd" && slices.Contains(r.may, "api") {
			t.Errorf("room %q may import api", r.dir)
		}
		if path := circle(byDir, r.dir, nil); path != nil {
			t.Errorf("data runs in a circle: %q", path)
		}
	}
}

// circle returns a way along the arrows from the room back to a room that was
// passed before, or nil.
func circle(byDir map[string]room, dir string, passed []string) []string {
	if slices.Contains(passed, dir) {
		return append(passed, dir)
	}
	passed = append(passed, dir)
	for _, to := range byDir[dir].may {
		if found := circle(byDir, to, slices.Clone(passed)); found != nil {
			return found
		}
	}
	return nil
}

func TestCircleIsFound(t *testing.T) {
	byDir := map[string]room{
		"a": {may: []string{"b"}}, "b": {may: []string{"c"}}, "c": {may: []string{"a"}},
	}
	if got := circle(byDir, "a", nil); !slices.Equal(got, []string{"a", "b", "c", "a"}) {
		t.Errorf("circle is %q, want a b c a", got)
	}
}

func TestRoomOf(t *testing.T) {
	f := func(dir, want string) {
		t.Helper()
		got, found := roomOf(dir)
		if !found {
			got.dir = "none"
		}
		if got.dir != want {
			t.Errorf("roomOf(%q) = %q, want %q", dir, got.dir, want)
		}
	}
	f(".", ".")
	f("pricing", "pricing")
	f("pricing/pricingtest", "pricing")
	f("pricingtest", "none")
	f("collect/agent", "collect")
	f("collect/tracker", "collect/tracker")
	f("collect/tracker/internal", "collect/tracker")
	f("internal/pgtest", "internal/pgtest")
	f("internal/tidy", "internal")
}

// Every home that a technology has is a room, and every reason is given.
func TestOwnersNameRooms(t *testing.T) {
	for _, o := range technologies {
		if o.why == "" {
			t.Errorf("%q has no reason", o.prefix)
		}
		for _, home := range o.homes {
			if r, found := roomOf(home); !found || r.dir != home {
				t.Errorf("%q has its home in %q, which is no room", o.prefix, home)
			}
		}
	}
}
