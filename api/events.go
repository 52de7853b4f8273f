package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"invoq"
	"invoq/ingest/events"
	"invoq/queue"
)

// takeEvents takes function events, resource usage and CloudEvents. The answer
// is a verdict: 202 when all were accepted, 200 when they were there already,
// 207 when some were refused, and when all were: 409 for conflicts, else 422.
func (s *Server) takeEvents(c *fiber.Ctx) error {
	scope, err := s.eventScope(c)
	if err != nil {
		return err
	}
	return s.push(c, events.MaxBodyBytes, func(body []byte) error {
		result, err := s.Events.Take(c.UserContext(), events.Request{
			ContentType:     c.Get(fiber.HeaderContentType),
			ContentEncoding: c.Get(fiber.HeaderContentEncoding),
			Body:            body,
			Scope:           scope,
		})
		if err != nil {
			return err
		}
		c.Status(statusOfEvents(result))
		return writeJSON(c, result)
	})
}

// statusOfEvents returns the status of a verdict.
func statusOfEvents(r events.Result) int {
	refused := r.Conflicts + r.Invalid
	switch {
	case refused == 0 && r.Accepted > 0:
		return http.StatusAccepted
	case refused == 0:
		return http.StatusOK
	case r.Accepted+r.Duplicates > 0:
		return http.StatusMultiStatus
	case r.Invalid == 0:
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

// eventScope says whose events a request carries: the key's tenant, or, for a
// key that may write for all, the one that the header or the event names.
func (s *Server) eventScope(c *fiber.Ctx) (events.Scope, error) {
	id := caller(c)
	if id.Tenant != "" {
		return events.Scope{Tenant: id.Tenant, TenantID: id.TenantID}, nil
	}
	scope := events.Scope{Fallback: s.Tenancy.Fallback, Resolve: s.tenants.name}
	if scope.Fallback == "" {
		scope.Fallback = invoq.DefaultTenant
	}
	if named := c.Get(orgHeader); named != "" {
		name, err := s.tenants.name(c.UserContext(), named)
		if err != nil {
			return scope, err
		}
		return events.Scope{Tenant: name, TenantID: invoq.TenantID(named)}, nil
	}
	return scope, nil
}

// popRequest asks for buffered events and gives back the receipts of earlier
// ones.
type popRequest struct {
	Max      int      `json:"max"`
	Receipts []string `json:"receipts"`
}

// maxReceipts bounds the receipts of one request.
const maxReceipts = 10 * queue.MaxPop

// poppedEvent is an event as an outside consumer gets it.
type poppedEvent struct {
	TenantID   invoq.TenantName  `json:"tenant"`
	RequestID  string            `json:"request_id"`
	User       string            `json:"user_id"`
	Platform   string            `json:"platform_id,omitempty"`
	Provider   string            `json:"provider,omitempty"`
	Namespace  string            `json:"namespace,omitempty"`
	Service    string            `json:"service"`
	Revision   string            `json:"revision,omitempty"`
	Time       time.Time         `json:"timestamp"`
	ReceivedAt time.Time         `json:"received_at"`
	Corrects   string            `json:"corrects,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	// Measures are the quantities by their meters.
	Measures map[invoq.Meter]invoq.Decimal `json:"measures"`
}

// popEvents hands buffered events to an outside consumer. They come again
// after a minute unless their receipts are given back, with the next pop or
// with one of max 0.
func (s *Server) popEvents(c *fiber.Ctx) error {
	body, err := readBody(c, jsonBodyBytes)
	if err != nil {
		return err
	}
	ask := popRequest{Max: queue.MaxPop}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &ask); err != nil {
			return invoq.Errorf(invoq.KindInvalid, "body is not {max, receipts}").WithCause(err)
		}
	}
	if len(ask.Receipts) > maxReceipts {
		return invoq.Errorf(invoq.KindTooLarge, "more than %d receipts", maxReceipts)
	}
	if err := s.Queue.Ack(c.UserContext(), ask.Receipts); err != nil {
		return err
	}
	var popped queue.Popped
	if ask.Max != 0 {
		if popped, err = s.Queue.Pop(c.UserContext(), ask.Max); err != nil {
			return err
		}
	}
	return writeJSON(c, viewPopped(popped))
}

// viewPopped returns events as an outside consumer gets them.
func viewPopped(p queue.Popped) any {
	view := struct {
		Events   []poppedEvent `json:"events"`
		Receipts []string      `json:"receipts"`
	}{make([]poppedEvent, len(p.Events)), append([]string{}, p.Receipts...)}
	for i, e := range p.Events {
		measures := map[invoq.Meter]invoq.Decimal{}
		for _, m := range e.Measures {
			measures[m.Meter] = m.Quantity
		}
		view.Events[i] = poppedEvent{
			e.Tenant, e.RequestID, e.User, e.Platform, e.Provider, e.Namespace, e.Service,
			e.Revision, e.Time, e.ReceivedAt, e.Corrects, e.Labels, measures,
		}
	}
	return view
}
