package metering_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/billing"
	"invoq/internal/pgtest"
	"invoq/ledger"
	"invoq/metering"
	"invoq/postgres"
)

var midnight = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// desk is a database with windows, a book and who posts the one into the other.
type desk struct {
	t      *testing.T
	db     *postgres.DB
	writer *ledger.Writer
	poster *metering.Poster
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := postgres.Open(t.Context(), pgtest.URL(t, pgtest.Migrated()), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	book, err := ledger.Open(t.Context(), ledger.Config{
		Store: db, Folder: ledger.Folder(t.TempDir()), Name: "test/ledger", Log: log, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := book.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	writer := ledger.NewWriter(book, log, metrics.NewSet())
	return &desk{t, db, writer, metering.NewPoster(db, billing.NewCutter(db), writer,
		metering.PosterConfig{Settle: 2 * time.Hour, Lateness: 2 * time.Hour}, log, metrics.NewSet())}
}

// count stores the windows of one hour anew: invocations of each revision.
func (d *desk) count(hour time.Time, invocations map[string]string) {
	d.t.Helper()
	w := postgres.Windows{
		Interval: invoq.Interval{Start: hour, End: hour.Add(time.Hour)},
		Sources:  map[invoq.ServiceKey]string{},
		Watched:  map[invoq.TenantName]time.Time{"acme": midnight},
	}
	for revision, n := range invocations {
		w.Rows = append(w.Rows, invoq.Usage{
			Interval: invoq.Interval{Start: hour, End: hour.Add(5 * time.Minute)},
			Tenant:   "acme", Namespace: "shop", Service: "waiter", Revision: revision,
			Quantities: invoq.Quantities{
				Invocations: invoq.MustDecimal(n), DurationMs: invoq.MustDecimal(n + ".5"),
			},
		})
	}
	if err := d.db.StoreWindows(d.t.Context(), w); err != nil {
		d.t.Fatal(err)
	}
	if err := d.db.AggregatedUntil(d.t.Context(), hour.Add(24*time.Hour)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) run(slot time.Time) {
	d.t.Helper()
	if err := d.poster.Run(d.t.Context(), slot); err != nil {
		d.t.Fatal(err)
	}
}

// want fails unless these are the entries from the position on: revision,
// meter, quantity and whether it is a correction.
func (d *desk) want(from int64, want ...string) {
	d.t.Helper()
	entries, err := d.db.Entries(d.t.Context(), invoq.Everyone(), from, 1000)
	if err != nil {
		d.t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		line := fmt.Sprint(e.Revision, " ", e.Meter, " ", e.Quantity)
		if e.Corrects != "" {
			line += " correction"
		}
		got = append(got, line)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Error(diff)
	}
}

// An hour is posted when it has closed, once; what is counted late becomes a
// correction, more or less, and so does what is not there any more.
func TestHoursArePosted(t *testing.T) {
	d := newDesk(t)
	d.run(midnight) // Nothing was ever counted.
	d.count(midnight, map[string]string{"r1": "10", "r2": "5"})
	d.run(midnight.Add(2*time.Hour + 55*time.Minute))
	d.want(0) // The hour is open until three.
	closed := midnight.Add(3 * time.Hour)
	first := []string{"r1 duration_ms 10.5", "r1 invocations 10", "r2 duration_ms 5.5", "r2 invocations 5"}
	for range 2 {
		d.run(closed)
		d.want(0, first...)
	}
	d.count(midnight, map[string]string{"r1": "13"})
	for range 2 {
		d.run(closed.Add(5 * time.Minute))
		d.want(4, "r1 duration_ms 3 correction", "r1 invocations 3 correction",
			"r2 duration_ms -5.5 correction", "r2 invocations -5 correction")
	}
	d.count(midnight, map[string]string{"r1": "12"})
	d.run(closed.Add(10 * time.Minute))
	d.want(8, "r1 duration_ms -1 correction", "r1 invocations -1 correction")
	d.count(midnight.Add(time.Hour), map[string]string{"r1": "1"})
	d.run(midnight.Add(4 * time.Hour))
	d.want(10, "r1 duration_ms 1.5", "r1 invocations 1")
}

// A function that is counted from metrics is not counted from events too, nor
// the other way round; another function is.
func TestOneSourceForEachFunction(t *testing.T) {
	d := newDesk(t)
	event := func(id, service string) invoq.Event {
		return invoq.Event{
			Tenant: "acme", RequestID: id, User: "ann", Namespace: "shop", Service: service,
			Revision: "r1", Time: midnight, ReceivedAt: midnight,
			Measures: []invoq.Measure{{Meter: invoq.Invocations, Quantity: invoq.NewDecimal(1, 0)}},
		}
	}
	post := func(e invoq.Event) {
		t.Helper()
		if err := d.writer.Post(t.Context(), []invoq.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	d.count(midnight, map[string]string{"r1": "10"})
	d.run(midnight.Add(3 * time.Hour))
	post(event("1", "waiter"))
	post(event("2", "cook"))
	d.want(0, "r1 duration_ms 10.5", "r1 invocations 1", "r1 invocations 10")
	tenant, err := d.db.FindTenant(t.Context(), invoq.Everyone(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	trace, err := d.db.Trace(t.Context(), invoq.Everyone(), tenant.ID, "1")
	if err != nil || len(trace.Refusals) != 1 || trace.Refusals[0].Reason != "elsewhere" {
		t.Errorf("the event's trace is %+v: %v", trace, err)
	}

	// Where events were first, windows are not posted.
	other := newDesk(t)
	if err := other.writer.Post(t.Context(), []invoq.Event{event("1", "waiter")}); err != nil {
		t.Fatal(err)
	}
	other.count(midnight, map[string]string{"r1": "10"})
	other.run(midnight.Add(3 * time.Hour))
	other.want(0, "r1 invocations 1")
}

// The first hours there are may go from the windows after they were posted, and
// all hours may: the book takes them back.
func TestFirstHoursAreTakenBack(t *testing.T) {
	d := newDesk(t)
	d.count(midnight, map[string]string{"r1": "10"})
	d.count(midnight.Add(time.Hour), map[string]string{"r1": "5"})
	slot := midnight.Add(5 * time.Hour)
	d.run(slot)
	d.count(midnight, nil)
	d.run(slot)
	d.want(4, "r1 duration_ms -10.5 correction", "r1 invocations -10 correction")
	d.count(midnight.Add(time.Hour), nil)
	d.run(slot)
	d.want(6, "r1 duration_ms -5.5 correction", "r1 invocations -5 correction")
}

// asked remembers from where on hours were compared with the book.
type asked struct {
	*postgres.DB
	from []time.Time
}

func (a *asked) UsedHours(ctx context.Context, in invoq.Interval) ([]time.Time, error) {
	a.from = append(a.from, in.Start)
	return a.DB.UsedHours(ctx, in)
}

// Hours are compared with the book when one more is posted, and in between only
// from where on something was counted again.
func TestComparesWhatMayHaveChanged(t *testing.T) {
	d := newDesk(t)
	hours := &asked{DB: d.db}
	d.poster = metering.NewPoster(hours, billing.NewCutter(d.db), d.writer,
		metering.PosterConfig{Settle: 10 * time.Minute, Lateness: 2 * time.Hour},
		slog.New(slog.DiscardHandler), metrics.NewSet())
	later := midnight.Add(20 * time.Hour)
	d.count(midnight, map[string]string{"r1": "10"})
	d.count(later, map[string]string{"r1": "5"})
	d.run(later.Add(70 * time.Minute))
	d.run(later.Add(75 * time.Minute))
	d.count(midnight.Add(3*time.Hour), map[string]string{"r1": "1"})
	d.run(later.Add(80 * time.Minute))
	d.run(later.Add(85 * time.Minute))
	d.run(later.Add(130 * time.Minute))
	posted := later.Add(time.Hour)
	want := []time.Time{midnight, posted, midnight.Add(3 * time.Hour), posted, posted.Add(-48 * time.Hour)}
	if diff := cmp.Diff(want, hours.from); diff != "" {
		t.Errorf("compared from (-want +got):\n%s", diff)
	}
	d.want(4, "r1 duration_ms 1.5", "r1 invocations 1")
}
