package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"invoq/internal/pgtest"
	"invoq/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestAligned(t *testing.T) {
	f := func(at, want string) {
		t.Helper()
		parse := func(s string) time.Time {
			p, err := time.Parse(time.TimeOnly, s)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		if got := aligned(5 * time.Minute).Next(parse(at)); !got.Equal(parse(want)) {
			t.Errorf("after %s comes %s, want %s", at, got.Format(time.TimeOnly), want)
		}
	}
	f("12:00:00", "12:05:00")
	f("12:00:01", "12:05:00")
	f("12:04:59", "12:05:00")
	f("12:05:00", "12:10:00")
}

// Two servers on one queue: every slot is done once, a failed one again.
func TestRunnerRunsEverySlotOnce(t *testing.T) {
	db, err := postgres.Open(t.Context(), pgtest.URL(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	done := make(chan time.Time, 100)
	var failedOnce atomic.Bool
	job := Periodic{
		Name: "tick", Every: time.Second, Timeout: time.Minute,
		Run: func(_ context.Context, slot time.Time) error {
			if !failedOnce.Swap(true) {
				return errors.New("not this time")
			}
			done <- slot
			return nil
		},
	}
	for range 2 {
		r, err := New(db.Pool(), slog.New(slog.DiscardHandler), job)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}()
	}
	seen := map[time.Time]bool{}
	for range 4 {
		slot := <-done
		if seen[slot] || slot.Nanosecond() != 0 {
			t.Fatalf("slot %s is odd or came twice", slot)
		}
		seen[slot] = true
	}
}
