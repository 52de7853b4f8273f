package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/gofiber/fiber/v2"

	"invoq"
)

// readBody reads the request's body as it is on the wire, up to limit bytes.
func readBody(c *fiber.Ctx, limit int) ([]byte, error) {
	return readBodyInto(new(bytes.Buffer), c, limit)
}

// readBodyInto is readBody with memory of the caller's: the body may stand in
// buf, and then ends when that is used again.
func readBodyInto(buf *bytes.Buffer, c *fiber.Ctx, limit int) ([]byte, error) {
	size := c.Request().Header.ContentLength()
	if size > limit {
		return nil, bodyTooLarge(limit)
	}
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		body := c.Request().Body()
		if len(body) > limit {
			return nil, bodyTooLarge(limit)
		}
		return body, nil
	}
	// ReadFrom asks for room for one read more than there is to read.
	buf.Grow(max(size, 512) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(stream, int64(limit)+1)); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, invoq.Errorf(invoq.KindInvalid, "body is cut short")
		}
		return nil, invoq.Errorf(invoq.KindInvalid, "body cannot be read").WithCause(err)
	}
	if buf.Len() > limit {
		return nil, bodyTooLarge(limit)
	}
	c.Locals(bodyReadKey, true)
	return buf.Bytes(), nil
}

// bodyTooLarge refuses a body.
func bodyTooLarge(limit int) error {
	return invoq.Errorf(invoq.KindTooLarge, "body is larger than %d bytes", limit)
}

func readCloser(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// writeJSON writes a value, keeping a content type that is set already.
func writeJSON(c *fiber.Ctx, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(c.Response().Header.ContentType()) == 0 ||
		string(c.Response().Header.ContentType()) == "text/plain; charset=utf-8" {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	}
	return c.Send(b)
}
