package metering

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
	"invoq/postgres"
)

// recheck is for how long at least, after its first posting, an hour is compared
// with the book again whenever an hour is posted. What is counted late is noted
// and compared at once; this finds what may change beside it, as where hours are
// cut.
const recheck = 48 * time.Hour

// postAtOnce is how many events are handed to the book at once.
const postAtOnce = 1000

// Book takes events, each once.
type Book interface {
	Post(ctx context.Context, events []invoq.Event) error
}

// Hours is where hours that have ended are read from.
type Hours interface {
	PostingState(ctx context.Context) (postgres.PostingState, error)
	// UsedHours returns the hours of which windows or the book say something.
	UsedHours(ctx context.Context, in invoq.Interval) ([]time.Time, error)
	RevisionSlots(ctx context.Context, s postgres.Slots) ([]postgres.RevisionSlot, error)
	WindowsPosted(ctx context.Context, until time.Time, compared postgres.PostingState) error
}

// Cuts says where prices may change within hours.
type Cuts interface {
	// Cuts returns a function which says, of an hour, at which instants within it
	// the usage of which tenants must be told apart, ascending.
	Cuts(ctx context.Context) (func(hour invoq.Interval) map[invoq.TenantID][]time.Time, error)
}

// PosterConfig says when a Poster posts.
type PosterConfig struct {
	// Settle is how long after its end an hour is first posted: most samples are
	// there then.
	Settle time.Duration
	// Lateness is how late samples may be. For so long, and for two days at least,
	// an hour is compared with the book again.
	Lateness time.Duration
}

// Poster posts what functions used to the book, once an hour has ended: an
// event for each revision and hour, under a request id of its own. Where a price
// may change within the hour it is one for each side. What is counted after that
// is posted as a correction, which names the first event.
type Poster struct {
	hours  Hours
	cuts   Cuts
	book   Book
	cfg    PosterConfig
	log    *slog.Logger
	posted *metrics.Counter
}

// NewPoster returns a poster.
func NewPoster(
	h Hours, c Cuts, b Book, cfg PosterConfig, log *slog.Logger, set *metrics.Set,
) *Poster {
	cfg.Lateness = max(cfg.Lateness+time.Hour, recheck)
	return &Poster{
		hours: h, cuts: c, book: b, cfg: cfg, log: log,
		posted: set.NewCounter("invoq_window_events_posted_total"),
	}
}

// Run posts every hour that had ended and settled by the slot, and compares
// those before again. Running it twice posts nothing twice.
func (p *Poster) Run(ctx context.Context, slot time.Time) error {
	until := slot.Add(-p.cfg.Settle)
	return p.post(ctx, slot, func(counted time.Time) time.Time {
		if counted.Before(until) {
			return invoq.Window1h.Floor(counted)
		}
		return invoq.Window1h.Floor(until)
	})
}

// Post is Run without waiting for hours to settle or to end: all that was
// counted is in the book when it returns, windows that are still open included.
// What they still come to is posted as corrections.
func (p *Poster) Post(ctx context.Context, now time.Time) error {
	return p.post(ctx, now, func(time.Time) time.Time { return invoq.Window1h.Ceil(now) })
}

// post brings the book up to an instant, which depends on how far usage is
// counted.
func (p *Poster) post(
	ctx context.Context, now time.Time, end func(counted time.Time) time.Time,
) error {
	state, err := p.hours.PostingState(ctx)
	if err != nil || state.Counted.IsZero() {
		return err
	}
	until := end(state.Counted)
	if from := p.from(state, until); !from.IsZero() {
		from = invoq.Window1h.Floor(from)
		if err := p.between(ctx, invoq.Interval{Start: from, End: until}, now); err != nil {
			return err
		}
	}
	if counted := invoq.Window1h.Floor(state.Counted); counted.Before(until) {
		until = counted
	}
	return p.hours.WindowsPosted(ctx, until, state)
}

// from returns from where on hours are compared with the book; zero where nothing
// was ever used. The book may have hours of which no window says anything any
// more.
func (p *Poster) from(state postgres.PostingState, until time.Time) time.Time {
	from := state.Posted
	switch {
	case from.IsZero():
		return state.First
	case state.Posted.Before(until) || state.Compared.IsZero():
		from = from.Add(-p.cfg.Lateness)
	}
	if !state.Recounted.IsZero() && state.Recounted.Before(from) {
		return state.Recounted
	}
	return from
}

// between brings the book up to what the windows say, hour by hour.
func (p *Poster) between(ctx context.Context, in invoq.Interval, now time.Time) error {
	hours, err := p.hours.UsedHours(ctx, in)
	if err != nil || len(hours) == 0 {
		return err
	}
	cuts, err := p.cuts.Cuts(ctx)
	if err != nil {
		return fmt.Errorf("find where prices change within hours: %w", err)
	}
	for _, at := range hours {
		hour := invoq.Interval{Start: at, End: at.Add(time.Hour)}
		for _, slots := range slotsOf(hour, cuts(hour)) {
			if err := p.slots(ctx, slots, now); err != nil {
				return fmt.Errorf("post the hour of %s: %w", at.Format(time.RFC3339), err)
			}
		}
	}
	return nil
}

// slotsOf returns the slots of an hour: one for most tenants, and those of each
// group of tenants for whom it is cut alike.
func slotsOf(hour invoq.Interval, cuts map[invoq.TenantID][]time.Time) []postgres.Slots {
	all := []postgres.Slots{{Interval: hour}}
	groups := map[string][]invoq.TenantID{}
	at := map[string][]time.Time{}
	for tenant, instants := range cuts {
		all[0].Except = append(all[0].Except, tenant)
		key := fmt.Sprint(instants)
		groups[key], at[key] = append(groups[key], tenant), instants
	}
	for key, tenants := range groups {
		start := hour.Start
		for _, end := range append(slices.Clip(at[key]), hour.End) {
			all = append(all, postgres.Slots{
				Interval: invoq.Interval{Start: start, End: end}, Only: tenants,
			})
			start = end
		}
	}
	return all
}

// slots brings the book up to what the windows of the slots say.
func (p *Poster) slots(ctx context.Context, asked postgres.Slots, now time.Time) error {
	revisions, err := p.hours.RevisionSlots(ctx, asked)
	if err != nil {
		return err
	}
	var events []invoq.Event
	for i := range revisions {
		if e, differs := slotEvent(&revisions[i], asked.Interval.Start, now); differs {
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

// slotEvent returns the event by which the book comes to say what the windows
// say, and false when it does already. Its id follows from what is posted, so
// that posting it again is the same event.
func slotEvent(r *postgres.RevisionSlot, start, now time.Time) (invoq.Event, bool) {
	of := &r.Counted
	if of.Tenant == "" { // No window says any more what it was called.
		of = &r.Posted
	}
	e := invoq.Event{
		Tenant: of.Tenant, User: invoq.DefaultUser, Namespace: of.Namespace, Service: of.Service,
		Revision: of.Revision, Time: start, ReceivedAt: now,
		RequestID: fmt.Sprintf("%s%s:%d", invoq.WindowPrefix, r.RevisionID, start.Unix()),
	}
	if r.Postings > 0 {
		e.RequestID, e.Corrects = fmt.Sprintf("%s:%d", r.First, r.Postings), r.First
	}
	e.Labels = doubts(r)
	for _, m := range invoq.Meters() {
		missing := r.Counted.Of(m).Sub(r.Posted.Of(m))
		// The doubts are told by the invocations, be they as posted.
		if !missing.IsZero() || m == invoq.Invocations && len(e.Labels) > 0 {
			e.Measures = append(e.Measures, invoq.Measure{Meter: m, Quantity: missing})
		}
	}
	return e, len(e.Measures) > 0
}

// doubts returns what the book does not say yet of how sure the windows are.
func doubts(r *postgres.RevisionSlot) map[string]string {
	labels := map[string]string{}
	for name, missing := range map[string]invoq.Decimal{
		"gap_seconds":   r.Counted.GapSeconds.Sub(r.Posted.GapSeconds),
		"assumed":       r.Counted.Assumed.Sub(r.Posted.Assumed),
		"unmeasured_ms": r.Counted.UnmeasuredMs.Sub(r.Posted.UnmeasuredMs),
	} {
		if !missing.IsZero() {
			labels[name] = missing.String()
		}
	}
	return labels
}
