package pricing

import (
	"time"

	"invoq"
)

// Source says what used something. Items share it by pointer; two sources with
// equal fields are priced alike. Price reads it and keeps no reference to it.
type Source struct {
	Namespace string
	Service   string
	Revision  string
	Tags      map[string]string
}

// Item is a quantity of one meter that one source used in an interval. An
// item whose End equals its Start, or is zero, was used in an instant.
//
// An interval must not reach over an instant at which the price can change,
// since nobody knows how much was used on which side: Sheet.Cuts lists these
// instants.
type Item struct {
	invoq.Interval
	Source *Source // nil: nobody knows
	Meter  invoq.Meter
	// Quantity may be negative where it takes back other items; the sum of a
	// meter may not.
	Quantity invoq.Decimal
	// Cost is what the quantity cost the owner in the plan's currency; nil
	// when not known. Only MARKUP and SUBSIDIZED rates read it.
	Cost *invoq.Decimal
	// Calls are the single calls that the quantity is the sum of; nil when not
	// known. Only rates that round each call read it, and then it decides the
	// quantity.
	Calls *Calls
}

// end returns where the item's interval ends.
func (i *Item) end() time.Time {
	if i.End.IsZero() {
		return i.Start
	}
	return i.End
}

// Calls are invocations that all used the same.
type Calls struct {
	Count      invoq.Decimal // how many
	DurationMs invoq.Decimal // of each
	MemoryMB   invoq.Decimal // configured or used by each, 2^20 bytes
	CPUs       invoq.Decimal // of each
}
