package events

import (
	"cmp"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Status is the verdict on one item.
type Status string

// The verdicts.
const (
	// StatusAccepted: it is on disk and will be posted.
	StatusAccepted Status = "accepted"
	// StatusDuplicate: it was accepted before and said the same.
	StatusDuplicate Status = "duplicate"
	// StatusConflict: its request id was used before for something else.
	StatusConflict Status = "conflict"
	// StatusInvalid: it is not what is read here; Error says why.
	StatusInvalid Status = "invalid"
)

// Item is the verdict on one item of a body, by its index from 0.
type Item struct {
	Index     int    `json:"index"`
	RequestID string `json:"request_id,omitempty"`
	Status    Status `json:"status"`
	// Minted says that the event had no request id and was given this one.
	Minted bool   `json:"minted,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Result is the verdict on a body. Items lists what there is something to say
// about: every item that is not in it was accepted under its own request id.
type Result struct {
	Accepted   int    `json:"accepted"`
	Duplicates int    `json:"duplicates"`
	Conflicts  int    `json:"conflicts"`
	Invalid    int    `json:"invalid"`
	Items      []Item `json:"items,omitempty"`
	// Batch says that the body was an array.
	Batch bool `json:"-"`
}

func (r *Result) refuse(index int, id string, status Status, why string) {
	if status == StatusConflict {
		r.Conflicts++
	} else {
		r.Invalid++
		id = "" // It may be what is wrong.
	}
	r.Items = append(r.Items, Item{Index: index, RequestID: id, Status: status, Error: why})
}

func (r *Result) duplicate(index int, id string) {
	r.Duplicates++
	r.Items = append(r.Items, Item{Index: index, RequestID: id, Status: StatusDuplicate})
}

// accept notes what was kept, and puts the items in their order.
func (r *Result) accept(kept []candidate) {
	r.Accepted = len(kept)
	for _, c := range kept {
		if c.minted || !r.Batch {
			r.Items = append(r.Items, Item{
				Index: c.index, RequestID: c.event.RequestID, Status: StatusAccepted, Minted: c.minted,
			})
		}
	}
	slices.SortFunc(r.Items, func(a, b Item) int { return cmp.Compare(a.Index, b.Index) })
}

// meters are what the intake says of itself.
type meters struct {
	accepted, duplicates, conflicts, invalid *metrics.Counter
	seconds                                  *metrics.Histogram
}

func newMeters(set *metrics.Set) meters {
	return meters{
		accepted:   set.NewCounter(`invoq_events_total{verdict="accepted"}`),
		duplicates: set.NewCounter(`invoq_events_total{verdict="duplicate"}`),
		conflicts:  set.NewCounter(`invoq_events_total{verdict="conflict"}`),
		invalid:    set.NewCounter(`invoq_events_total{verdict="invalid"}`),
		seconds:    set.NewHistogram("invoq_events_request_seconds"),
	}
}

func (m *meters) observe(r *Result, started time.Time) {
	m.accepted.Add(r.Accepted)
	m.duplicates.Add(r.Duplicates)
	m.conflicts.Add(r.Conflicts)
	m.invalid.Add(r.Invalid)
	m.seconds.UpdateDuration(started)
}
