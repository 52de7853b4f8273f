package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"invoq"
)

// statuses is the one table from kinds of error to HTTP status. A sender's
// fault is 4xx: sending it again cannot help. Ours is 5xx: it can.
var statuses = map[invoq.Kind]int{
	invoq.KindInvalid:         http.StatusBadRequest,
	invoq.KindUnprocessable:   http.StatusUnprocessableEntity,
	invoq.KindUnauthenticated: http.StatusUnauthorized,
	invoq.KindForbidden:       http.StatusForbidden,
	invoq.KindNotFound:        http.StatusNotFound,
	invoq.KindConflict:        http.StatusConflict,
	invoq.KindTooLarge:        http.StatusRequestEntityTooLarge,
	invoq.KindUnsupported:     http.StatusUnsupportedMediaType,
	invoq.KindLimited:         http.StatusTooManyRequests,
	invoq.KindUnavailable:     http.StatusServiceUnavailable,
	invoq.KindStorageFull:     http.StatusInsufficientStorage,
	invoq.KindInternal:        http.StatusInternalServerError,
}

// kindOfStatus is how Fiber's own refusals are told.
func kindOfStatus(status int) invoq.Kind {
	for kind, s := range statuses {
		if s == status {
			return kind
		}
	}
	if status >= http.StatusInternalServerError {
		return invoq.KindInternal
	}
	return invoq.KindInvalid
}

// statusOf returns the status of an error and its kind.
func statusOf(err error) (int, invoq.Kind) {
	if fe, ok := errors.AsType[*fiber.Error](err); ok {
		return fe.Code, kindOfStatus(fe.Code)
	}
	if errors.Is(err, context.DeadlineExceeded) && invoq.KindOf(err) == invoq.KindInternal {
		return http.StatusServiceUnavailable, invoq.KindUnavailable
	}
	kind := invoq.KindOf(err)
	return statuses[kind], kind
}

// messageOf returns what the caller is told.
func messageOf(err error) string {
	if fe, ok := errors.AsType[*fiber.Error](err); ok {
		return fe.Message
	}
	return invoq.MessageOf(err)
}

// renderError is the one place where an error becomes an answer.
func (s *Server) renderError(c *fiber.Ctx, err error) error {
	status, kind := statusOf(err)
	e, ok := errors.AsType[*invoq.Error](err)
	again := ok && e.RetryAfter > 0
	if status >= http.StatusInternalServerError {
		level := slog.LevelError
		if again {
			// Whoever made it unavailable has said so once; senders come again in crowds.
			level = slog.LevelDebug
		}
		s.Log.Log(c.UserContext(), level, "request failed", "request", requestID(c),
			"method", c.Method(), "path", c.Path(), "err", err)
	}
	if again {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="invoq"`)
	}
	c.Status(status)
	switch answerForm(c) {
	case formProm:
		return promError(c, kind, messageOf(err))
	case formOTLP:
		return otlpError(c, kind, messageOf(err))
	case formPage:
		return s.errorPage(c, status, messageOf(err))
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return writeJSON(c, Problem{
		Type:      "urn:invoq:" + string(kind),
		Title:     http.StatusText(status),
		Status:    status,
		Detail:    messageOf(err),
		RequestID: requestID(c),
	})
}

// form is how a route answers.
type form int

const (
	formProblem form = iota
	formProm
	formOTLP
	formPage
)

const formKey = "form"

// answerForm returns how the route that is asked answers; problem details unless
// it said otherwise.
func answerForm(c *fiber.Ctx) form {
	f, _ := c.Locals(formKey).(form)
	return f
}

// notFound answers for every path that nobody registered, or for no such method.
func (s *Server) notFound(c *fiber.Ctx) error {
	if methods := s.methodsOf(c.Path()); methods != "" {
		c.Set(fiber.HeaderAllow, methods)
		return fiber.NewError(http.StatusMethodNotAllowed, "this path does not take "+c.Method())
	}
	if c.Method() == fiber.MethodGet && strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
		c.Locals(formKey, formPage) // Somebody followed a link.
	}
	return invoq.Errorf(invoq.KindNotFound, "nothing is here: %s %s", c.Method(), c.Path())
}
