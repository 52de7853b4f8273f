package metering_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"invoq"
	"invoq/ledger"
	"invoq/postgres"
)

// tell posts events of the waiter's r1, one invocation each, and of shop.
func (d *desk) tell(id string, times ...time.Time) {
	d.t.Helper()
	var all []invoq.Event
	for i, at := range times {
		all = append(all, invoq.Event{
			Tenant: "acme", RequestID: fmt.Sprint(id, "-", i), User: "ann", Namespace: "shop",
			Service: "waiter", Revision: "r1", Time: at, ReceivedAt: at,
			Measures: []invoq.Measure{{Meter: invoq.Invocations, Quantity: invoq.NewDecimal(1, 0)}},
		})
	}
	if err := d.writer.Post(d.t.Context(), all); err != nil {
		d.t.Fatal(err)
	}
}

// change has the waiter counted from another source from an hour on.
func (d *desk) change(to invoq.CountedBy, from time.Time) {
	d.t.Helper()
	acme, err := d.db.FindTenant(d.t.Context(), invoq.Everyone(), "acme")
	if err != nil {
		d.t.Fatal(err)
	}
	v, err := d.db.FindService(d.t.Context(), invoq.Everyone(), acme.ID, "waiter")
	if err != nil {
		d.t.Fatal(err)
	}
	_, err = d.db.ChangeSource(d.t.Context(), invoq.Everyone(), v.ID,
		func(s ledger.Sources) (ledger.SourceChange, error) {
			return s.Change(ledger.SourceChange{
				Source: to, From: from, Reason: "moved", ChangedBy: "key", ChangedAt: from.Add(-time.Hour),
			})
		})
	if err != nil {
		d.t.Fatal(err)
	}
}

// wantWindows fails unless these are the windows of a size: start, revision
// and invocations.
func (d *desk) wantWindows(size invoq.WindowSize, want ...string) {
	d.t.Helper()
	all, err := d.db.ListUsage(d.t.Context(), invoq.Everyone(), postgres.UsageFilter{
		Window: size, Interval: invoq.Interval{Start: midnight, End: midnight.AddDate(0, 0, 2)},
	}, invoq.Page{Limit: 1000})
	if err != nil {
		d.t.Fatal(err)
	}
	var got []string
	for _, u := range all {
		got = append(got, fmt.Sprint(u.Start.Format("02 15"), " ", u.Revision, " ", u.Invocations))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.t.Errorf("%s windows are %q, want %q", size, got, want)
	}
}

// From metrics to events and back: each hour is counted from one source, in
// its windows and in the book, whenever its usage comes.
func TestSourceChangesOnTheHour(t *testing.T) {
	d := newDesk(t)
	at := func(hour int) time.Time { return midnight.Add(time.Duration(hour) * time.Hour) }
	minute := time.Minute
	for h := range 6 { // The counters run on, whatever is counted.
		d.count(at(h), map[string]string{"r1": "10"})
	}
	d.wantWindows(invoq.Window1d, "01 00 r1 60")
	d.change(invoq.ByEvents, at(8))
	// Told before the hour and after it; of the hour before, which is refused.
	d.tell("early", at(7).Add(59*minute), at(8), at(8).Add(minute))
	for h := 6; h < 11; h++ {
		d.count(at(h), map[string]string{"r1": "10"})
	}
	d.tell("late", at(8).Add(2*minute), at(9).Add(minute))
	d.wantWindows(invoq.Window1h, "01 00 r1 10", "01 01 r1 10", "01 02 r1 10", "01 03 r1 10", "01 04 r1 10",
		"01 05 r1 10", "01 06 r1 10", "01 07 r1 10", "01 08 r1 3", "01 09 r1 1")
	d.wantWindows(invoq.Window1d, "01 00 r1 84")

	// Samples of the hours before come late; windows anew do not touch events'.
	d.count(at(7), map[string]string{"r1": "13"})
	d.change(invoq.ByMetrics, at(20))
	d.tell("last", at(19).Add(59*minute), at(20))
	d.count(at(20), map[string]string{"r1": "5"})
	d.wantWindows(invoq.Window1d, "01 00 r1 93")

	d.run(at(26))
	entries, err := d.db.Entries(t.Context(), invoq.Everyone(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	posted := invoq.Decimal{}
	for _, e := range entries {
		if e.Meter == invoq.Invocations {
			posted = posted.Add(e.Quantity)
		}
	}
	if posted.String() != "93" {
		t.Errorf("the book has %s invocations, want the windows' 93", posted)
	}
	d.run(at(27))
	if again, _ := d.db.Entries(t.Context(), invoq.Everyone(), 0, 1000); len(again) != len(entries) {
		t.Errorf("%d entries were posted twice", len(again)-len(entries))
	}
}

// The day of a change is written by the aggregation and by the writer of the
// book at once, and loses nothing of either.
func TestDayOfTwoSources(t *testing.T) {
	d := newDesk(t)
	d.count(midnight, map[string]string{"r1": "10"})
	d.change(invoq.ByEvents, midnight.Add(12*time.Hour))
	for n := range 60 {
		var both sync.WaitGroup
		both.Go(func() { d.count(midnight, map[string]string{"r1": fmt.Sprint(10 + n)}) })
		both.Go(func() {
			for i := range 3 { // One of them meets the other writer's last steps.
				d.tell(fmt.Sprint(n, "-", i), midnight.Add(13*time.Hour))
			}
		})
		both.Wait()
		d.wantWindows(invoq.Window1d, fmt.Sprint("01 00 r1 ", 10+n+3*(n+1)))
	}
}
