package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"invoq"
	"invoq/access"
	"invoq/dashboards"
)

// Keys of what a request carries along.
const (
	identityKey  = "identity"
	requestIDKey = "request_id"
)

// open lets everybody in.
func (s *Server) open(h fiber.Handler) fiber.Handler { return h }

// may lets in who has the permission by an API key.
func (s *Server) may(p access.Permission, h fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if _, err := s.authorize(c, p); err != nil {
			return err
		}
		return h(c)
	}
}

// mayProm is may for the Prometheus API, whose errors have a form of their own.
func (s *Server) mayProm(h fiber.Handler) fiber.Handler {
	return inForm(formProm, s.may(access.ReadSamples, h))
}

// inForm has a route's errors answered in a form of its own.
func inForm(f form, h fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Locals(formKey, f)
		return h(c)
	}
}

// authorize authenticates the caller and checks the permission.
func (s *Server) authorize(c *fiber.Ctx, p access.Permission) (access.Identity, error) {
	presented, err := presentedKey(c)
	if err != nil {
		return access.Identity{}, err
	}
	if presented == "" && c.Method() == fiber.MethodGet {
		if id, err := s.Sessions.Identity(c.UserContext(), c.Cookies(sessionCookie)); err == nil {
			return s.admit(c, id, p)
		}
	}
	if presented == "" {
		return access.Identity{}, invoq.Errorf(invoq.KindUnauthenticated,
			"send an API key: Authorization: Bearer ivq_…")
	}
	id, err := s.Keyring.Authenticate(c.UserContext(), presented)
	if err != nil {
		return access.Identity{}, err
	}
	return s.admit(c, id, p)
}

// admit checks the role's permission and leaves the identity where handlers find
// it: in the request for routes, in its context for the contract's.
func (s *Server) admit(c *fiber.Ctx, id access.Identity, p access.Permission) (access.Identity, error) {
	if !id.Role.May(p) {
		return id, invoq.Errorf(invoq.KindForbidden, "a key of role %q lacks the permission %s", id.Role, p)
	}
	c.Locals(identityKey, id)
	c.SetUserContext(context.WithValue(c.UserContext(), contextKey{}, id))
	return id, nil
}

// contextKey is under which the identity travels to the contract's handlers.
type contextKey struct{}

// identity returns who is asking. It panics on a route without a guard.
func identity(ctx context.Context) access.Identity {
	id, ok := ctx.Value(contextKey{}).(access.Identity)
	if !ok {
		panic("BUG: identity asked for on an unguarded route")
	}
	return id
}

// caller returns who is asking, on a route with a guard.
func caller(c *fiber.Ctx) access.Identity { return identity(c.UserContext()) }

// presentedKey returns the API key of a request: a bearer token, the password
// of basic authentication, or X-API-Key.
func presentedKey(c *fiber.Ctx) (string, error) {
	header := c.Get(fiber.HeaderAuthorization)
	scheme, value, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		return c.Get("X-API-Key"), nil
	case strings.EqualFold(scheme, "bearer"):
		return strings.TrimSpace(value), nil
	case strings.EqualFold(scheme, "basic"):
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			return "", invoq.Errorf(invoq.KindUnauthenticated, "basic authentication is not base64")
		}
		_, password, _ := strings.Cut(string(decoded), ":")
		return password, nil
	}
	return "", invoq.Errorf(invoq.KindUnauthenticated, "authenticate with Bearer or Basic, not %q", scheme)
}

// refuseKeyInURL refuses an API key in a query string: URLs are logged.
func refuseKeyInURL(c *fiber.Ctx) error {
	if strings.Contains(string(c.Request().URI().QueryString()), "ivq_") {
		return invoq.Errorf(
			invoq.KindInvalid,
			"an API key must not be in the URL, where it is logged: send it in the Authorization header, "+
				"and revoke this one",
		)
	}
	return c.Next()
}

// refuseSmuggling refuses a message whose length two servers could read in two
// ways (RFC 9112, 6.3).
func refuseSmuggling(c *fiber.Ctx) error {
	lengths, encodings := 0, 0
	for line := range strings.SplitSeq(string(c.Request().Header.RawHeaders()), "\n") {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-length":
			lengths++
		case "transfer-encoding":
			encodings++
		}
	}
	if lengths > 1 || lengths > 0 && encodings > 0 {
		c.Context().SetConnectionClose()
		return invoq.Errorf(invoq.KindInvalid, "the length of the body is told twice")
	}
	return c.Next()
}

// secureHeaders tells browsers what our pages never do.
func secureHeaders(c *fiber.Ctx) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set(fiber.HeaderContentSecurityPolicy, dashboards.SecurityPolicy)
	return c.Next()
}

// observe gives the request an id and a deadline, and measures it.
func (s *Server) observe(c *fiber.Ctx) error {
	started := time.Now()
	id := uuid.Must(uuid.NewV7()).String()
	c.Locals(requestIDKey, id)
	c.Set(fiber.HeaderXRequestID, id)
	ctx, cancel := context.WithTimeout(c.UserContext(), requestDeadline)
	defer cancel()
	c.SetUserContext(ctx)
	err := c.Next()
	if err == nil {
		err = s.outbox.hold(c)
	}
	if err != nil {
		// Rendered here, so that what is measured is what is answered.
		if err = s.renderError(c, err); err != nil {
			return err
		}
	}
	finishBody(c)
	s.m.observe(c, started)
	s.Log.Debug("request", "request", id, "method", c.Method(), "path", c.Path(),
		"status", c.Response().StatusCode(), "dur", time.Since(started))
	return nil
}

// recoverPanic turns a panic into an answer of 500: one request's fault must
// not be another's.
func (s *Server) recoverPanic(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.Log.Error("panic in a request", "request", requestID(c), "path", c.Path(),
				"err", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = invoq.Errorf(invoq.KindInternal, "internal error; the server's log has the cause")
		}
	}()
	return c.Next()
}

// requestID returns the id under which the log knows the request.
func requestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey).(string)
	return id
}
