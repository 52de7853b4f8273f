package invoq

import (
	"slices"
	"time"
)

// DefaultUser is the user of usage that names none: the tenant's own.
const DefaultUser = "default"

// Event is one usage as a program told it: what is posted to the book. It is
// identified by its tenant and request id, for ever.
type Event struct {
	Tenant    TenantName
	RequestID string
	// User is who inside the tenant caused the usage.
	User     string
	Platform string // the owner's product; empty when there is one only
	Provider string // who delivers the resource; empty for functions
	// Namespace and Revision are those of functions; else empty.
	Namespace, Service, Revision string
	// Time is when it was used, ReceivedAt when Invoq took it in; both in UTC
	// and whole microseconds.
	Time, ReceivedAt time.Time
	// Measures are what was used, one or more, each of another meter.
	Measures []Measure
	// Corrects names the request whose usage this event corrects; quantities
	// are then differences and may be negative. Empty for usage itself.
	Corrects string
	Labels   map[string]string
}

// Measure is a quantity of one meter.
type Measure struct {
	Meter    Meter
	Quantity Decimal
}

// CountedBy is what a function's usage is counted from. At any time it is one of
// the two and never both, or it would be billed twice. The zero value is of a
// service that has not used anything yet.
type CountedBy string

// What functions are counted from.
const (
	ByMetrics CountedBy = "metrics" // windows over its samples
	ByEvents  CountedBy = "events"  // what a program tells of single calls
)

// WindowPrefix begins the request ids under which Invoq posts its own windows;
// programs may not use it.
const WindowPrefix = "window:"

// BillPrefix begins the request ids under which Invoq posts what a bill says
// beside its entries; programs may not use it.
const BillPrefix = "bill:"

// Limits of an event.
const (
	// MaxRequestIDBytes bounds request ids, which are kept for ever.
	MaxRequestIDBytes = 128
	// MaxEventLabels bounds the labels of one event, their names and values
	// together MaxLabelBytes.
	MaxEventLabels = 32
	MaxLabelBytes  = 2048
	// maxQuantityPlaces bounds the decimal places of a quantity.
	maxQuantityPlaces = 15
)

// maxQuantity bounds a quantity: what is above is a mistake of units.
var maxQuantity, minQuantity = NewDecimal(1, 18), NewDecimal(-1, 18)

// Validate checks names, quantities and labels, but not times, whose limits
// depend on the present. Errors are of KindUnprocessable and name the field.
func (e *Event) Validate() error {
	names := []struct {
		field, value string
		optional     bool
	}{
		{"tenant", string(e.Tenant), false},
		{"user", e.User, false},
		{"platform", e.Platform, true},
		{"provider", e.Provider, true},
		{"namespace", e.Namespace, true},
		{"service", e.Service, false},
		{"revision", e.Revision, true},
	}
	for _, n := range names {
		if n.value == "" && n.optional {
			continue
		}
		if err := ValidateName(n.field, n.value); err != nil {
			return err
		}
	}
	if err := validateRequestID("request id", e.RequestID); err != nil {
		return err
	}
	if e.Corrects != "" {
		if err := validateRequestID("corrected request id", e.Corrects); err != nil {
			return err
		}
	}
	if err := e.validateMeasures(); err != nil {
		return err
	}
	return e.validateLabels()
}

func validateRequestID(what, id string) error {
	if len(id) > MaxRequestIDBytes {
		return Errorf(KindUnprocessable, "%s has %d bytes, at most %d are allowed",
			what, len(id), MaxRequestIDBytes)
	}
	return ValidateName(what, id)
}

func (e *Event) validateMeasures() error {
	if len(e.Measures) == 0 {
		return Errorf(KindUnprocessable, "the event measures nothing")
	}
	for i, m := range e.Measures {
		if !m.Meter.known() {
			return Errorf(KindUnprocessable, "meter %q is not one of %v or %v",
				string(m.Meter), Meters(), ResourceMeters())
		}
		for _, other := range e.Measures[:i] {
			if other.Meter == m.Meter {
				return Errorf(KindUnprocessable, "meter %s is measured twice", m.Meter)
			}
		}
		if m.Quantity.Sign() < 0 && e.Corrects == "" {
			return Errorf(KindUnprocessable, "quantity %s of %s is negative: correct an earlier "+
				"event by naming it", m.Quantity, m.Meter)
		}
		if m.Quantity.Cmp(maxQuantity) > 0 || m.Quantity.Cmp(minQuantity) < 0 {
			return Errorf(KindUnprocessable, "quantity %s of %s is out of range", m.Quantity, m.Meter)
		}
		// As many places as are written are quicker known than are needed.
		if m.Quantity.n.Exponent < -maxQuantityPlaces && m.Quantity.Places() > maxQuantityPlaces {
			return Errorf(KindUnprocessable, "quantity %s of %s has more than %d decimal places",
				m.Quantity, m.Meter, maxQuantityPlaces)
		}
	}
	return nil
}

// known reports whether the meter is one of functions or of resources.
func (m Meter) known() bool {
	switch m {
	case AITokens, APIRequest, StorageMB, ComputeSeconds, PaymentTx, BandwidthMB,
		Invocations, DurationMs, MBMs, CPUMs, ColdStarts, Errors:
		return true
	}
	return false
}

func (e *Event) validateLabels() error {
	if len(e.Labels) > MaxEventLabels {
		return Errorf(KindUnprocessable, "the event has %d labels, at most %d are allowed",
			len(e.Labels), MaxEventLabels)
	}
	bytes := 0
	var names [MaxEventLabels]string
	for _, name := range e.AppendLabelNames(names[:0]) {
		bytes += len(name) + len(e.Labels[name])
		if err := ValidateName("label name", name); err != nil {
			return err
		}
		if e.Labels[name] == "" {
			continue
		}
		if err := ValidateName("label "+name, e.Labels[name]); err != nil {
			return err
		}
	}
	if bytes > MaxLabelBytes {
		return Errorf(KindUnprocessable, "labels have %d bytes, at most %d are allowed",
			bytes, MaxLabelBytes)
	}
	return nil
}

// AppendLabelNames appends the names of the labels in their order. Events have
// few labels and are many, so that the caller gives the room.
func (e *Event) AppendLabelNames(names []string) []string {
	from := len(names)
	for name := range e.Labels {
		names = append(names, name)
	}
	slices.Sort(names[from:])
	return names
}

// Recall is what is remembered of an event's request id.
type Recall string

// What can be remembered. The zero value is nothing: the event is new.
const (
	RecallSame  Recall = "same"  // it was taken before and said the same
	RecallOther Recall = "other" // it was taken before and said something else
)
