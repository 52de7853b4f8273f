package metering

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
	"invoq/postgres"
)

// recheck is how long after its first posting an hour is compared with the
// book again, for what was counted late.
const recheck = 48 * time.Hour

// postAtOnce is how many events are handed to the book at once.
const postAtOnce = 1000

// Book takes events, each once.
type Book interface {
	Post(ctx context.Context, events []invoq.Event) error
}

// Hours is where closed hours are read from.
type Hours interface {
	PostingState(ctx context.Context) (postgres.PostingState, error)
	RevisionHours(ctx context.Context, start time.Time) ([]postgres.RevisionHour, error)
	WindowsPosted(ctx context.Context, until time.Time) error
}

// Poster posts what functions used to the book, once an hour has closed: an
// event for each revision and hour, under a request id of its own. What is
// counted after that is posted as a correction, which names the first event.
type Poster struct {
	hours    Hours
	book     Book
	lateness time.Duration
	log      *slog.Logger
	posted   *metrics.Counter
}

// NewPoster returns a poster for windows that close when no sample of theirs
// can come any more: the lateness after their end.
func NewPoster(
	h Hours, b Book, lateness time.Duration, log *slog.Logger, set *metrics.Set,
) *Poster {
	return &Poster{
		hours: h, book: b, lateness: lateness, log: log,
		posted: set.NewCounter("invoq_window_events_posted_total"),
	}
}

// Run posts every hour that has closed by the slot and compares those of the
// last two days again. Running it twice posts nothing twice.
func (p *Poster) Run(ctx context.Context, slot time.Time) error {
	state, err := p.hours.PostingState(ctx)
	if err != nil {
		return err
	}
	closed := slot.Add(-p.lateness)
	if state.Counted.Before(closed) {
		closed = state.Counted
	}
	closed = invoq.Window1h.Floor(closed)
	from := state.Posted.Add(-recheck)
	if from.Before(state.First) {
		from = state.First
	}
	if state.First.IsZero() || !from.Before(closed) {
		return nil
	}
	for hour := invoq.Window1h.Floor(from); hour.Before(closed); hour = hour.Add(time.Hour) {
		if err := p.hour(ctx, hour, slot); err != nil {
			return fmt.Errorf("post the hour of %s: %w", hour.Format(time.RFC3339), err)
		}
	}
	return p.hours.WindowsPosted(ctx, closed)
}

// hour brings the book up to what the windows of the hour say.
func (p *Poster) hour(ctx context.Context, hour, slot time.Time) error {
	revisions, err := p.hours.RevisionHours(ctx, hour)
	if err != nil {
		return err
	}
	var events []invoq.Event
	for i := range revisions {
		if e, differs := hourEvent(&revisions[i], hour, slot); differs {
			events = append(events, e)
		}
	}
	for len(events) > 0 {
		n := min(len(events), postAtOnce)
		if err := p.book.Post(ctx, events[:n]); err != nil {
			return err
		}
		p.posted.Add(n)
		events = events[n:]
	}
	return nil
}

// hourEvent returns the event by which the book comes to say what the windows
// say, and false when it does already. Its id follows from what is posted, so
// that posting it again is the same event.
func hourEvent(r *postgres.RevisionHour, hour, slot time.Time) (invoq.Event, bool) {
	first := fmt.Sprintf("%s%s:%d", invoq.WindowPrefix, r.RevisionID, hour.Unix())
	e := invoq.Event{
		Tenant: r.Tenant, RequestID: first, User: invoq.DefaultUser, Namespace: r.Namespace,
		Service: r.Service, Revision: r.Revision, Time: hour, ReceivedAt: slot,
	}
	if r.Postings > 0 {
		e.RequestID, e.Corrects = fmt.Sprintf("%s:%d", first, r.Postings), first
	}
	for _, m := range invoq.Meters() {
		if missing := r.Counted.Of(m).Sub(r.Posted.Of(m)); !missing.IsZero() {
			e.Measures = append(e.Measures, invoq.Measure{Meter: m, Quantity: missing})
		}
	}
	return e, len(e.Measures) > 0
}
