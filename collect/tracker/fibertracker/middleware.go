package fibertracker

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"invoq/collect/tracker"
)

// New counts every request as one API_REQUEST of the user that user names, ""
// for none: those that end in an error too, and those whose handler panics,
// which it passes on. A nil user names nobody.
func New(t *tracker.Tracker, user func(*fiber.Ctx) string) fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		status := http.StatusInternalServerError // Unless the handler returns.
		defer func() {
			name := ""
			if user != nil {
				name = strings.Clone(user(c)) // Fiber uses its buffers again.
			}
			t.Track(c.UserContext(), tracker.Request(name, strings.Clone(c.Method()), status))
		}()
		err = c.Next()
		status = statusOf(c, err)
		return err
	}
}

// statusOf returns the status that the request is answered with: an error
// becomes one in Fiber's error handler, after this.
func statusOf(c *fiber.Ctx, err error) int {
	var fe *fiber.Error
	switch {
	case errors.As(err, &fe):
		return fe.Code
	case err != nil:
		return http.StatusInternalServerError
	}
	return c.Response().StatusCode()
}
