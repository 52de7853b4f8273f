package queue

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"invoq"
)

// codecVersion begins every message, so that a later server can read what an
// earlier one has left.
const codecVersion = 1

// appendEvent appends the event's form to a message.
func appendEvent(b []byte, e *invoq.Event) []byte {
	for _, s := range [...]string{
		string(e.Tenant), e.RequestID, e.User, e.Platform, e.Provider, e.Namespace, e.Service,
		e.Revision, e.Corrects,
	} {
		b = appendText(b, s)
	}
	b = binary.AppendVarint(b, e.Time.UnixMicro())
	b = binary.AppendVarint(b, e.ReceivedAt.UnixMicro())
	b = binary.AppendUvarint(b, uint64(len(e.Measures)))
	var digits [64]byte
	for i := range e.Measures {
		b = appendText(b, string(e.Measures[i].Meter))
		b = appendText(b, e.Measures[i].Quantity.Append(digits[:0]))
	}
	b = binary.AppendUvarint(b, uint64(len(e.Labels)))
	if len(e.Labels) == 0 {
		return b
	}
	var names [invoq.MaxEventLabels]string
	for _, name := range e.AppendLabelNames(names[:0]) {
		b = appendText(appendText(b, name), e.Labels[name])
	}
	return b
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decode appends the events of a message. An error means that the message is
// not one of ours, or was damaged.
func decode(events []invoq.Event, message []byte) ([]invoq.Event, error) {
	if len(message) == 0 || message[0] != codecVersion {
		return events, fmt.Errorf("the message is not of version %d", codecVersion)
	}
	// One string for the whole message: its events point into it.
	r := reader{rest: string(message[1:])}
	for len(r.rest) > 0 && !r.bad {
		var e invoq.Event
		r.event(&e)
		if r.bad {
			break
		}
		if len(events) == cap(events) {
			// The rest will hold as many for its length as what was read.
			taken := len(message) - len(r.rest)
			events = slices.Grow(events, 1+(len(events)+1)*len(r.rest)/taken)
		}
		events = append(events, e)
	}
	if r.bad {
		return events, fmt.Errorf("the message ends in the middle of event %d", len(events)+1)
	}
	return events, nil
}

// reader reads the parts of a message; bad sticks.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) event(e *invoq.Event) {
	e.Tenant = invoq.TenantName(r.text())
	for _, s := range [...]*string{
		&e.RequestID, &e.User, &e.Platform, &e.Provider, &e.Namespace, &e.Service, &e.Revision,
		&e.Corrects,
	} {
		*s = r.text()
	}
	e.Time = time.UnixMicro(r.varint()).UTC()
	e.ReceivedAt = time.UnixMicro(r.varint()).UTC()
	n := r.count()
	e.Measures = make([]invoq.Measure, 0, n)
	for range n {
		meter := invoq.Meter(r.text())
		quantity, err := invoq.ParseDecimal(r.text())
		r.bad = r.bad || err != nil
		e.Measures = append(e.Measures, invoq.Measure{Meter: meter, Quantity: quantity})
	}
	if n = r.count(); n > 0 {
		e.Labels = make(map[string]string, n)
	}
	for range n {
		name := r.text()
		e.Labels[name] = r.text()
	}
}

// text reads a length and as many bytes.
func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad = true
	}
	if r.bad {
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// count reads how many things follow, each of at least a byte.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	return int(n)
}

func (r *reader) uvarint() (n uint64) {
	for shift := 0; shift < 64 && len(r.rest) > 0; shift += 7 {
		c := r.rest[0]
		r.rest = r.rest[1:]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

// varint reads a signed number in the zig-zag form of encoding/binary.
func (r *reader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}
