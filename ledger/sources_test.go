package ledger

import (
	"strings"
	"testing"
	"time"

	"invoq"
)

// What a change is refused for, or from which hour it holds.
func TestChangeOfSource(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 49, 0, 0, time.UTC)
	hour := func(h int) time.Time { return time.Date(2026, 3, 1, h, 0, 0, 0, time.UTC) }
	metered := Sources{First: invoq.ByMetrics}
	leaving := Sources{First: invoq.ByMetrics, Changes: []SourceChange{
		{Source: invoq.ByEvents, From: hour(20)},
	}}
	f := func(s Sources, at time.Time, to invoq.CountedBy, from time.Time, want string) {
		t.Helper()
		c, err := s.Change(SourceChange{Source: to, From: from, Reason: "r", ChangedAt: at})
		got := c.From.Format(time.RFC3339)
		if err != nil {
			got = string(invoq.KindOf(err)) + ": " + err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(metered, now, invoq.ByEvents, time.Time{}, "2026-03-01T13:00:00Z")
	// Ten minutes are notice enough, and not a second less.
	f(metered, now.Add(time.Minute), invoq.ByEvents, time.Time{}, "2026-03-01T13:00:00Z")
	f(metered, now.Add(61*time.Second), invoq.ByEvents, time.Time{}, "2026-03-01T14:00:00Z")
	f(metered, now.Add(61*time.Second), invoq.ByEvents, hour(13), "unprocessable: from 2026-03-01T13:00:00Z has been counted")
	f(metered, now, invoq.ByEvents, hour(12), "unprocessable: from 2026-03-01T12:00:00Z has been counted")
	f(metered, now, invoq.ByEvents, hour(13).Add(time.Second), "unprocessable: from 2026-03-01T13:00:01Z is no whole hour")
	f(metered, now, invoq.ByEvents, hour(13).AddDate(2, 0, 0), "unprocessable: from 2028-03-01T13:00:00Z is more than 366 days")
	f(metered, now, invoq.ByMetrics, time.Time{}, "conflict: from 2026-03-01T13:00:00Z on the service is counted from metrics")
	f(metered, now, "both", time.Time{}, "unprocessable: source \"both\"")
	// A change to come is taken back by going back before it, at it or after it.
	f(leaving, now, invoq.ByMetrics, hour(13), "2026-03-01T13:00:00Z")
	f(leaving, now, invoq.ByMetrics, hour(20), "2026-03-01T20:00:00Z")
	f(leaving, now, invoq.ByMetrics, hour(21), "2026-03-01T21:00:00Z")
	f(leaving, now, invoq.ByEvents, hour(13), "2026-03-01T13:00:00Z")
	f(leaving, now, invoq.ByEvents, hour(21), "conflict: ")
	f(Sources{}, now, invoq.ByEvents, time.Time{}, "1970-01-01T00:00:00Z")
	f(Sources{}, now, invoq.ByEvents, hour(13), "unprocessable: the service has not used anything yet")

	if _, err := metered.Change(SourceChange{Source: invoq.ByEvents, ChangedAt: now}); invoq.KindOf(err) != invoq.KindUnprocessable {
		t.Errorf("a change without a reason: %v", err)
	}
}

// Of the changes in force the last made holds, whatever hour it names.
func TestLastChangeHolds(t *testing.T) {
	hour := func(h int) time.Time { return time.Date(2026, 3, 1, h, 0, 0, 0, time.UTC) }
	s := Sources{First: invoq.ByMetrics, Changes: []SourceChange{
		{Source: invoq.ByEvents, From: hour(10)},
		{Source: invoq.ByMetrics, From: hour(20)},
		{Source: invoq.ByMetrics, From: hour(9)}, // Takes the first back.
		{Source: invoq.ByEvents, From: hour(22)},
	}}
	f := func(at time.Time, want invoq.CountedBy) {
		t.Helper()
		if got := s.At(at); got != want {
			t.Errorf("at %s it is %s, want %s", at, got, want)
		}
	}
	f(hour(0), invoq.ByMetrics)
	f(hour(10), invoq.ByMetrics)
	f(hour(22).Add(-time.Microsecond), invoq.ByMetrics)
	f(hour(22), invoq.ByEvents)
	s.Changes = s.Changes[:2]
	f(hour(10).Add(-time.Microsecond), invoq.ByMetrics)
	f(hour(10), invoq.ByEvents)
	f(hour(20), invoq.ByMetrics)
}
