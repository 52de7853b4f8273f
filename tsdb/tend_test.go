package tsdb

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// While a copy is made the log is not read anew, and queries go on.
func TestReopenWaitsForCopies(t *testing.T) {
	s := open(t, nil)
	if got := write(t, s, of("a", 0, 1)); got != "ok" {
		t.Fatal(got)
	}
	c := s.core.Load()
	s.adopting.Lock()
	err := s.reopen(c)
	s.adopting.Unlock()
	if err == nil || s.core.Load() != c {
		t.Fatalf("it was opened anew: %v", err)
	}
	if got := dump(t, s.Everything()); len(got) != 1 {
		t.Errorf("series: %v", got)
	}
	if err := s.reopen(c); err != nil || s.core.Load() == c {
		t.Fatalf("it was not opened anew: %v", err)
	}
	if got := dump(t, s.Everything()); len(got) != 1 {
		t.Errorf("series after it: %v", got)
	}
	if got := write(t, s, of("a", 1, 2)); got != "ok" {
		t.Error(got)
	}
}

// A store that could not be opened again, and has nothing open, can be closed.
func TestCloseAfterBreakdown(t *testing.T) {
	s := openAt(t, func(c *Config) { c.Dir = t.TempDir() })
	if err := s.core.Load().close(); err != nil {
		t.Fatal(err)
	}
	s.breakDown(errors.New("the log is gone"))
	if err := s.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "the log is gone") {
		t.Errorf("closed with %v", err)
	}
}
