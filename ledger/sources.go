package ledger

import (
	"slices"
	"time"

	"invoq"
)

// Limits of the hour from which a source may change.
const (
	// SourceNotice is how long before its hour a change is made at the latest.
	// It is longer than the clocks of senders may be ahead, so that nothing of
	// the hour can have been counted yet.
	SourceNotice = 10 * time.Minute
	// maxSourceAhead is how long before its hour a change is made at the
	// earliest.
	maxSourceAhead = 366 * 24 * time.Hour
	// maxReasonBytes bounds the reason of a change.
	maxReasonBytes = 1024
)

// Sources say what a function is counted from at any time. The zero value is of
// a function that has not used anything yet.
type Sources struct {
	// First is what the first usage has settled.
	First invoq.CountedBy
	// Changes are the owner's, in the order in which they were made.
	Changes []SourceChange
}

// SourceChange has a function counted from another source from an hour on,
// whatever was said of that time before.
type SourceChange struct {
	Source invoq.CountedBy
	// From is a whole hour in UTC. In a request the zero time is the next hour
	// that can be; in the record, that of a function which had used nothing yet,
	// it is 1970.
	From              time.Time
	Reason, ChangedBy string
	ChangedAt         time.Time
}

// At returns what the function is counted from at a time: by the change that
// was made last of those in force by then.
func (s Sources) At(t time.Time) invoq.CountedBy {
	for _, c := range slices.Backward(s.Changes) {
		if !t.Before(c.From) {
			return c.Source
		}
	}
	return s.First
}

// Change returns the change that is made when it is asked for at its ChangedAt,
// with its hour filled in. A function that has used nothing yet takes it for
// all time. It is KindUnprocessable for an hour that is none, too near or too
// far, and KindConflict when it would change nothing.
func (s Sources) Change(c SourceChange) (SourceChange, error) {
	if c.Source != invoq.ByMetrics && c.Source != invoq.ByEvents {
		return c, invoq.Errorf(invoq.KindUnprocessable, "source %q is not metrics or events", c.Source)
	}
	if len(c.Reason) == 0 || len(c.Reason) > maxReasonBytes {
		return c, invoq.Errorf(invoq.KindUnprocessable,
			"a reason of 1 to %d bytes is needed: the change stays on record", maxReasonBytes)
	}
	if s.First == "" {
		return s.settle(c)
	}
	earliest := invoq.Window1h.Ceil(c.ChangedAt.Add(SourceNotice))
	if c.From.IsZero() {
		c.From = earliest
	}
	c.From = c.From.UTC()
	switch {
	case !invoq.Window1h.Floor(c.From).Equal(c.From):
		return c, invoq.Errorf(invoq.KindUnprocessable, "from %s is no whole hour in UTC: an hour is "+
			"counted from one source", c.From.Format(time.RFC3339Nano))
	case c.From.Before(earliest):
		return c, invoq.Errorf(invoq.KindUnprocessable, "from %s has been counted already; the next "+
			"hour that can change is %s", c.From.Format(time.RFC3339), earliest.Format(time.RFC3339))
	case c.From.After(c.ChangedAt.Add(maxSourceAhead)):
		return c, invoq.Errorf(invoq.KindUnprocessable, "from %s is more than %d days ahead",
			c.From.Format(time.RFC3339), int(maxSourceAhead.Hours()/24))
	case s.staysFrom(c):
		return c, invoq.Errorf(invoq.KindConflict, "from %s on the service is counted from %s already",
			c.From.Format(time.RFC3339), c.Source)
	}
	return c, nil
}

// settle has a function that used nothing yet counted from a source from the
// beginning.
func (s Sources) settle(c SourceChange) (SourceChange, error) {
	if !c.From.IsZero() {
		return c, invoq.Errorf(invoq.KindUnprocessable, "the service has not used anything yet, so "+
			"that its source can only be settled from the beginning: leave from out")
	}
	c.From = time.Unix(0, 0).UTC()
	return c, nil
}

// staysFrom reports whether the source is the changed one from the hour on
// already, without another change to come.
func (s Sources) staysFrom(c SourceChange) bool {
	if s.At(c.From) != c.Source {
		return false
	}
	return !slices.ContainsFunc(s.Changes, func(other SourceChange) bool {
		return other.From.After(c.From) && s.At(other.From) != c.Source
	})
}
