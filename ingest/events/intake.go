package events

import (
	"context"
	"log/slog"
	"mime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/uuid"

	"invoq"
)

// Limits of one request.
const (
	// MaxBodyBytes bounds a body.
	MaxBodyBytes = 4 << 20
	// MaxBatch bounds the events of a body.
	MaxBatch = 10_000
)

// memoryPause is how long the book is not asked again after it did not answer.
const memoryPause = time.Second

// Queue keeps events once they are taken.
type Queue interface {
	// Put returns when the events survive a kill.
	Put(ctx context.Context, events []invoq.Event) error
}

// Memory knows what is in the book.
type Memory interface {
	// Recall returns what the book has under the request id of each event.
	Recall(ctx context.Context, events []invoq.Event) ([]invoq.Recall, error)
}

// Scope says whose events a request may carry.
type Scope struct {
	// Tenant is the credential's; events may name it, by name or id, and no
	// other. Empty for a credential that may write for all.
	Tenant   invoq.TenantName
	TenantID invoq.TenantID
	// Fallback is whose events are that name no tenant, Resolve turns what
	// they name into a tenant's name; for a credential that may write for all.
	Fallback invoq.TenantName
	Resolve  func(ctx context.Context, idOrName string) (invoq.TenantName, error)
}

// Request is a body as it came.
type Request struct {
	ContentType, ContentEncoding string
	Body                         []byte
	Scope                        Scope
}

// Intake takes events in. It is safe for concurrent use.
type Intake struct {
	queue  Queue
	memory Memory
	log    *slog.Logger
	now    func() time.Time
	recent *recent
	// askFrom is when the book is asked again, in Unix nanoseconds.
	askFrom atomic.Int64
	meters  meters
}

// New returns an intake that puts events into the queue and asks the memory
// for what was posted before.
func New(q Queue, m Memory, log *slog.Logger, now func() time.Time, set *metrics.Set) *Intake {
	return &Intake{
		queue: q, memory: m, log: log, now: now, recent: newRecent(), meters: newMeters(set),
	}
}

// Take parses, judges and keeps the events of a body, and returns when those
// that are accepted are safe. An error refuses the body whole, and is of
// KindInvalid, KindUnsupported or KindTooLarge; or nothing was kept for want of
// a place, and is what Queue.Put says.
func (in *Intake) Take(ctx context.Context, r Request) (Result, error) {
	started := time.Now()
	form, err := formOf(r)
	if err != nil {
		return Result{}, err
	}
	items, batch, err := parse(r.Body, form)
	if err != nil {
		return Result{}, err
	}
	result := Result{Batch: batch}
	fresh := in.validate(ctx, r.Scope, items, &result)
	fresh = in.drop(ctx, fresh, &result)
	if err := in.keep(ctx, fresh); err != nil {
		return Result{}, err
	}
	result.accept(fresh)
	in.meters.observe(&result, started)
	return result, nil
}

// Took reports whether a request was put into the queue a moment ago. It may be
// in the book by now; what was taken earlier, or elsewhere, is not remembered.
func (in *Intake) Took(tenant invoq.TenantName, requestID string) bool {
	id, _ := in.recent.print(&invoq.Event{Tenant: tenant, RequestID: requestID})
	return in.recent.recall([]candidate{{id: id}})[0] != ""
}

// form is how events are written in a body.
type form int

const (
	formPlain form = iota
	formCloudEvent
	formCloudEvents
)

// formOf chooses the form by the content type.
func formOf(r Request) (form, error) {
	if r.ContentEncoding != "" && r.ContentEncoding != "identity" {
		return 0, invoq.Errorf(invoq.KindUnsupported,
			"content encoding %q is not read: send events as they are", cut(r.ContentEncoding))
	}
	if len(r.Body) > MaxBodyBytes {
		return 0, invoq.Errorf(invoq.KindTooLarge, "body is larger than %d bytes", MaxBodyBytes)
	}
	kind, _, err := mime.ParseMediaType(r.ContentType)
	if err != nil {
		kind = cut(r.ContentType)
	}
	switch kind {
	case "", "application/json":
		return formPlain, nil
	case "application/cloudevents+json":
		return formCloudEvent, nil
	case "application/cloudevents-batch+json":
		return formCloudEvents, nil
	}
	return 0, invoq.Errorf(invoq.KindUnsupported, "content type %q is not read: send "+
		"application/json, application/cloudevents+json or application/cloudevents-batch+json", kind)
}

// parse reads the items of a body: one, or an array of them.
func parse(body []byte, form form) (items []item, batch bool, err error) {
	// One string for the whole body: its items point into it.
	s := &scanner{b: string(body)}
	tooMany := false
	one := func() {
		if len(items) >= MaxBatch {
			tooMany = true
			s.skip(0)
			return
		}
		if batch && len(items) == cap(items) {
			// No event goes without a bracket, so that this is enough for the rest.
			items = slices.Grow(items, min(1+strings.Count(s.b[s.at:], "{"), MaxBatch-len(items)))
		}
		items = append(items, item{})
		if form == formPlain {
			items[len(items)-1].parse(s)
		} else {
			items[len(items)-1].parseCloudEvent(s)
		}
	}
	batch = form == formCloudEvents || form == formPlain && s.peek() == '['
	if batch {
		items = make([]item, 0, min(len(body)/150+1, MaxBatch))
		s.array(one)
	} else {
		one()
	}
	s.end()
	switch {
	case s.err != nil:
		return nil, batch, invoq.Errorf(invoq.KindInvalid, "body is no JSON that is read here: %v", s.err)
	case tooMany:
		return nil, batch, invoq.Errorf(invoq.KindTooLarge, "more than %d events", MaxBatch)
	}
	return items, batch, nil
}

// candidate is an event that may be kept, and which item it was.
type candidate struct {
	event  invoq.Event
	index  int
	minted bool
	// What recent knows the event's request and its content by.
	id      fingerprint
	content uint64
}

// validate turns items into events and refuses those that are none.
func (in *Intake) validate(
	ctx context.Context, scope Scope, items []item, result *Result,
) []candidate {
	now := in.now()
	refused := 0
	for i := range items {
		if items[i].err != nil || items[i].seen == 0 {
			refused++
		}
	}
	fresh := make([]candidate, 0, len(items)-refused)
	result.Items = slices.Grow(result.Items, refused)
	for i := range items {
		tenant, err := scope.tenant(ctx, items[i].tenant)
		if err == nil {
			c := candidate{index: i}
			if c.event, err = items[i].event(tenant, now); err == nil {
				if c.minted = c.event.RequestID == ""; c.minted {
					c.event.RequestID = uuid.Must(uuid.NewV7()).String()
				}
				if err = validate(&c.event); err == nil {
					fresh = append(fresh, c)
					continue
				}
			}
		}
		result.refuse(i, items[i].requestID, StatusInvalid, invoq.MessageOf(err))
	}
	return fresh
}

// validate checks an event that comes from outside.
func validate(e *invoq.Event) error {
	for _, own := range [...]string{invoq.WindowPrefix, invoq.BillPrefix} {
		if strings.HasPrefix(e.RequestID, own) {
			return invoq.Errorf(invoq.KindUnprocessable,
				"request ids that begin with %q are Invoq's own", own)
		}
	}
	return e.Validate()
}

// tenant says whose event it is that names a tenant, or none.
func (s Scope) tenant(ctx context.Context, named string) (invoq.TenantName, error) {
	switch {
	case s.Tenant != "" && (named == "" || named == string(s.Tenant) || named == string(s.TenantID)):
		return s.Tenant, nil
	case s.Tenant != "":
		return "", invoq.Errorf(invoq.KindUnprocessable, "tenant_id is not the key's own tenant")
	case named == "":
		return s.Fallback, nil
	}
	return s.Resolve(ctx, named)
}

// drop takes out what was taken before, in this body, a moment ago or ever.
func (in *Intake) drop(ctx context.Context, fresh []candidate, result *Result) []candidate {
	for i := range fresh {
		fresh[i].id, fresh[i].content = in.recent.print(&fresh[i].event)
	}
	fresh = sortOut(fresh, in.recent.recall(fresh), result)
	if len(fresh) > 0 && in.now().UnixNano() >= in.askFrom.Load() {
		recalled, err := in.memory.Recall(ctx, eventsOf(fresh))
		if err != nil {
			in.askFrom.Store(in.now().Add(memoryPause).UnixNano())
			in.log.Warn("events are taken without asking the book; it will sort out what repeats",
				"err", err)
		} else {
			fresh = sortOut(fresh, recalled, result)
		}
	}
	// Last, so that a copy of what was refused is refused too.
	return sortOut(fresh, repeats(fresh), result)
}

// repeats returns what was said under the same request id earlier in the body.
func repeats(fresh []candidate) []invoq.Recall {
	all := make([]invoq.Recall, len(fresh))
	first := make(map[fingerprint]uint64, len(fresh))
	for i := range fresh {
		content, again := first[fresh[i].id]
		switch {
		case !again:
			first[fresh[i].id] = fresh[i].content
		case content == fresh[i].content:
			all[i] = invoq.RecallSame
		default:
			all[i] = invoq.RecallOther
		}
	}
	return all
}

// sortOut tells what is remembered and returns the rest.
func sortOut(fresh []candidate, recalled []invoq.Recall, result *Result) []candidate {
	kept := fresh[:0]
	for i, c := range fresh {
		switch recalled[i] {
		case invoq.RecallSame:
			result.duplicate(c.index, c.event.RequestID)
		case invoq.RecallOther:
			result.refuse(c.index, c.event.RequestID, StatusConflict,
				"the request id was used before for something else")
		default:
			kept = append(kept, c)
		}
	}
	return kept
}

// keep puts events into the queue, and only then remembers them: a sender that
// was refused must be able to send them again.
func (in *Intake) keep(ctx context.Context, fresh []candidate) error {
	if len(fresh) == 0 {
		return nil
	}
	if err := in.queue.Put(ctx, eventsOf(fresh)); err != nil {
		return err
	}
	in.recent.remember(fresh)
	return nil
}

func eventsOf(cs []candidate) []invoq.Event {
	all := make([]invoq.Event, len(cs))
	for i := range cs {
		all[i] = cs[i].event
	}
	return all
}
