package api

import (
	"io"

	"github.com/gofiber/fiber/v2"
)

// unreadBytes is how much of a body is read that nobody wants, so that its
// connection can be used again.
const unreadBytes = 256 << 10

// bodyReadKey marks a request whose body was read to its end.
const bodyReadKey = "body_read"

// finishBody sees to it that the next request of a connection begins where this
// one's body ends: the HTTP library goes on where its reader stopped, and would
// take the rest of a refused body for a request. A body that is too large for
// that, or does not say how large it is, ends the connection.
func finishBody(c *fiber.Ctx) {
	stream := c.Context().RequestBodyStream()
	if stream == nil || c.Locals(bodyReadKey) != nil {
		return
	}
	length := c.Request().Header.ContentLength()
	if length >= 0 && length <= unreadBytes {
		if _, err := io.Copy(io.Discard, stream); err == nil {
			return
		}
	}
	c.Context().SetConnectionClose()
}
