package api

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"invoq"
	"invoq/access"
	"invoq/ingest"
)

// orgHeader names a tenant in requests of a key that may write or read for all.
const orgHeader = "X-Scope-OrgID"

// keptBody is how large a buffer may be that is kept for the next body: what
// Prometheus sends takes a tenth of it.
const keptBody = 1 << 20

// remoteWrite takes a push of samples. The body is read as it is on the wire:
// it is inflated by ingest alone, within its limits.
func (s *Server) remoteWrite(c *fiber.Ctx) error {
	sc, err := s.ingestScope(c)
	if err != nil {
		return err
	}
	err = s.push(c, s.Receiver.Limits().WireBytes, func(body []byte) error {
		res, err := s.Receiver.RemoteWrite(c.UserContext(), ingest.Request{
			ContentType:     c.Get(fiber.HeaderContentType),
			ContentEncoding: c.Get(fiber.HeaderContentEncoding),
			Body:            body,
			Scope:           sc,
		})
		if res.Protocol == ingest.RemoteWrite2 {
			setWritten(c, res.Written)
		}
		if err != nil {
			return err
		}
		return c.SendStatus(fiber.StatusNoContent)
	})
	if sendsAgain(c.Get(fiber.HeaderUserAgent)) {
		return asInvalid(err)
	}
	return err
}

// pushedBody reads the body of a push, of at most so many bytes, once there is
// memory for it: thousands of connections may each announce a large one. The
// caller calls release when the body is done with, and with all that points into
// it.
func (s *Server) pushedBody(c *fiber.Ctx, most int) (body []byte, release func(), err error) {
	length := c.Request().Header.ContentLength()
	if length > most {
		return nil, nil, bodyTooLarge(most)
	}
	if length < 0 {
		length = most
	}
	admitted, err := s.Receiver.Admit(c.UserContext(), length)
	if err != nil {
		return nil, nil, err
	}
	buf := s.bodies.Get().(*bytes.Buffer)
	release = func() {
		if buf.Cap() <= keptBody {
			buf.Reset()
			s.bodies.Put(buf)
		}
		admitted()
	}
	if body, err = readBodyInto(buf, c, most); err != nil {
		release()
		return nil, nil, err
	}
	return body, release, nil
}

// setWritten tells a sender of 2.0 what was stored; without these headers it
// takes the answer for one of 1.0.
func setWritten(c *fiber.Ctx, n ingest.Counts) {
	const prefix = "X-Prometheus-Remote-Write-"
	c.Set(prefix+"Samples-Written", strconv.Itoa(n.Samples))
	c.Set(prefix+"Histograms-Written", strconv.Itoa(n.Histograms))
	c.Set(prefix+"Exemplars-Written", strconv.Itoa(n.Exemplars))
}

// sendsAgain reports whether the sender drops what is refused with 400 alone,
// and sends it again for ever when the status is another: its queue would stop
// at the first sample that no retry can help.
func sendsAgain(userAgent string) bool {
	return strings.HasPrefix(strings.ToLower(userAgent), "vmagent") ||
		strings.HasPrefix(strings.ToLower(userAgent), "victoriametrics")
}

// asInvalid gives what no retry can help the kind of what is malformed.
func asInvalid(err error) error {
	e, ok := errors.AsType[*invoq.Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case invoq.KindTooLarge, invoq.KindUnprocessable, invoq.KindLimited:
		return invoq.Errorf(invoq.KindInvalid, "%s", e.Message).WithCause(err)
	}
	return err
}

// ingestScope says whose samples a request carries: the key's tenant, or, for a
// key that may write for all, the one the header names, or the one each series
// names.
func (s *Server) ingestScope(c *fiber.Ctx) (ingest.Scope, error) {
	id := caller(c)
	if id.Tenant != "" {
		return ingest.Scope{Tenant: id.Tenant}, nil
	}
	named := c.Get(orgHeader)
	if named == "" {
		return ingest.Scope{Resolve: s.Tenancy.Resolve}, nil
	}
	name, err := s.tenants.name(c.UserContext(), named)
	if err != nil {
		return ingest.Scope{}, err
	}
	return ingest.Scope{Tenant: name}, nil
}

// readScope returns whose series the caller sees; empty for all.
func (s *Server) readScope(ctx context.Context, c *fiber.Ctx) (invoq.TenantName, error) {
	id := identity(ctx)
	if id.Role != access.Owner {
		if id.Tenant == "" { // An empty name would be everybody's series.
			return "", invoq.Errorf(invoq.KindForbidden, "a key without a tenant reads no series")
		}
		return id.Tenant, nil
	}
	if named := c.Get(orgHeader); named != "" {
		return s.tenants.name(ctx, named)
	}
	return "", nil
}
