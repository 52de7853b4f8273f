package ledger

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
)

// SignEvery is how often a head is signed while the book grows: what a forger
// of the database could change unseen is at most this young.
const SignEvery = time.Second

// postEvents is how many events one transaction takes: enough to share its
// commit, few enough to lock the book for a moment only.
const postEvents = 5000

// Writer posts what comes from the queue and keeps the book signed. It is safe
// for concurrent use.
type Writer struct {
	log *slog.Logger

	mu     sync.Mutex
	book   *Book
	meters writerMeters
}

type writerMeters struct {
	outcomes map[Outcome]*metrics.Counter
	seconds  *metrics.Histogram
}

// NewWriter returns a writer of the book, which is the writer's from then on.
func NewWriter(book *Book, log *slog.Logger, set *metrics.Set) *Writer {
	w := &Writer{log: log, book: book, meters: writerMeters{
		outcomes: map[Outcome]*metrics.Counter{},
		seconds:  set.NewHistogram("invoq_ledger_post_seconds"),
	}}
	for _, o := range []Outcome{Posted, Duplicate, Conflict, Unknown, Elsewhere} {
		w.meters.outcomes[o] = set.NewCounter(`invoq_ledger_events_total{outcome="` + string(o) + `"}`)
	}
	set.NewGauge("invoq_ledger_entries", func() float64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		return float64(w.book.Size())
	})
	return w
}

// Post appends events to the book. After an error some may be in it; posting
// all of them again is right.
func (w *Writer) Post(ctx context.Context, events []invoq.Event) error {
	for len(events) > 0 {
		n := min(len(events), postEvents)
		if err := w.postSome(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

func (w *Writer) postSome(ctx context.Context, events []invoq.Event) error {
	started := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	outcomes, err := w.book.Post(ctx, events)
	if err != nil {
		return err
	}
	refused := 0
	for _, o := range outcomes {
		w.meters.outcomes[o].Inc()
		if o != Posted && o != Duplicate {
			refused++
		}
	}
	if refused > 0 {
		w.log.Warn("events were acknowledged and cannot be posted; their trace says why",
			"events", refused)
	}
	w.meters.seconds.UpdateDuration(started)
	return nil
}

// Run signs a head every second in which the book has grown, until the context
// ends; then it signs what is left and closes the book.
func (w *Writer) Run(ctx context.Context) error {
	tick := time.NewTicker(SignEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := w.sign(ctx); err != nil && ctx.Err() == nil {
				w.log.Error("the head of the book could not be signed", "err", err)
			}
		case <-ctx.Done():
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.book.Close(context.WithoutCancel(ctx))
		}
	}
}

func (w *Writer) sign(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.book.SignHead(ctx)
}
