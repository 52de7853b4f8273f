package billing

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"invoq"
	"invoq/postgres"
)

// patience is how long Latest waits for a fresh overview while it has an older
// one at hand.
const patience = 50 * time.Millisecond

// firstPatience is how long Latest waits for the first overview of all.
const firstPatience = 20 * time.Second

// refreshTime bounds the making of one overview.
const refreshTime = 5 * time.Minute

// Overviews keeps the overview of all tenants at hand. To sum a month of a
// thousand tenants takes seconds, a page must not: while a new overview is
// being made, the one before is shown. With few tenants a new one is ready
// before patience ends, so that what was changed is seen at once.
type Overviews struct {
	db    OverviewDatabase
	log   *slog.Logger
	now   func() time.Time
	wake  chan struct{}
	maker collector // Run's alone

	mu    sync.Mutex
	begun int // how many overviews were begun
	state overviewState
}

// overviewState is the last overview and what it was made of.
type overviewState struct {
	overview *Overview // nil before the first
	mark     postgres.Mark
	number   int           // of the try, counted as it was begun
	err      error         // of the last try
	changed  chan struct{} // closed when another state is in force
}

// NewOverviews returns overviews of the database. Lateness is how far before the
// end of what was counted a window may still change: days that are older are
// not read again every time. It does nothing until Run.
func NewOverviews(
	db OverviewDatabase, lateness time.Duration, log *slog.Logger, now func() time.Time,
) *Overviews {
	return &Overviews{
		db: db, log: log, now: now,
		wake:  make(chan struct{}, 1),
		maker: collector{db: db, lateness: lateness},
		state: overviewState{changed: make(chan struct{})},
	}
}

// Run makes overviews, the first at once and then whenever it is woken or
// Latest finds the last one out of date, until the context ends.
func (o *Overviews) Run(ctx context.Context) error {
	for {
		o.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-o.wake:
		}
	}
}

// Wake has a new overview made if the last one is out of date, so that nobody
// has to ask for it first.
func (o *Overviews) Wake() {
	select {
	case o.wake <- struct{}{}:
	default: // It is awake.
	}
}

// Latest returns the overview. It is out of date only while a newer one takes
// longer than patience to make; its At and Counted say how much. Somebody must
// be in Run.
func (o *Overviews) Latest(ctx context.Context) (*Overview, error) {
	begun := o.tries()
	mark, err := o.db.Mark(ctx, invoq.Everyone())
	if err != nil {
		return nil, err
	}
	now := o.now()
	timeout, first := time.NewTimer(patience), time.NewTimer(firstPatience)
	defer timeout.Stop()
	defer first.Stop()
	for {
		st := o.current()
		switch {
		case st.number > begun && st.overview == nil:
			return nil, st.err
		case st.number > begun, st.holds(mark, now):
			return st.overview, nil
		}
		o.Wake()
		wait := timeout.C
		if st.overview == nil {
			wait = first.C
		}
		select {
		case <-st.changed:
			continue
		case <-wait:
		case <-ctx.Done():
		}
		if st.overview != nil {
			return st.overview, nil
		}
		return nil, invoq.Errorf(invoq.KindUnavailable,
			"the overview is still being made; try again").WithCause(ctx.Err())
	}
}

// sameDays reports whether nobody's day ended between the two: zones are whole
// quarters of an hour off UTC.
func sameDays(a, b time.Time) bool {
	return invoq.Window5m.Floor(a).Equal(invoq.Window5m.Floor(b))
}

// current returns the last overview and what it was made of.
func (o *Overviews) current() overviewState {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state
}

// tries returns how many overviews were begun so far.
func (o *Overviews) tries() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.begun
}

// refresh makes one overview and puts it in force. After a failure the one
// before stays.
func (o *Overviews) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	next := overviewState{changed: make(chan struct{})}
	o.mu.Lock()
	o.begun++
	next.number = o.begun
	o.mu.Unlock()
	next.overview, next.mark, next.err = o.renew(ctx)
	if next.err != nil && ctx.Err() == nil {
		o.log.Error("overview not made; the one before stays", "err", next.err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if next.err != nil {
		next.overview, next.mark = o.state.overview, o.state.mark
	}
	close(o.state.changed)
	o.state = next
}

// renew makes an overview, unless the last one is still true.
func (o *Overviews) renew(ctx context.Context) (*Overview, postgres.Mark, error) {
	started := time.Now()
	mark, err := o.db.Mark(ctx, invoq.Everyone())
	if err != nil {
		return nil, mark, err
	}
	now := o.now()
	if st := o.current(); st.holds(mark, now) {
		return st.overview, mark, nil
	}
	v, err := o.maker.collect(ctx, mark, now)
	if err != nil {
		return nil, mark, err
	}
	o.log.Debug("made the overview", "tenants", len(v.Tenants), "dur", time.Since(started))
	return v, mark, nil
}

// holds reports whether the overview says what is.
func (s overviewState) holds(mark postgres.Mark, now time.Time) bool {
	return s.overview != nil && s.mark == mark && sameDays(s.overview.At, now)
}
