package api

import (
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"invoq"
)

// healthTimeout bounds how long a part may take to say that it works.
const healthTimeout = 2 * time.Second

// alive answers as soon as the server can answer at all.
func (s *Server) alive(c *fiber.Ctx) error { return c.SendString("ok\n") }

// ready answers 200 when samples and events can be taken and made durable.
func (s *Server) ready(c *fiber.Ctx) error {
	for _, err := range s.health(c.UserContext()) {
		if err != nil {
			return invoq.Errorf(invoq.KindUnavailable, "%s", invoq.MessageOf(err)).WithCause(err)
		}
	}
	return c.SendString("ok\n")
}

// health asks every part.
func (s *Server) health(ctx context.Context) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	return map[string]error{
		"database": s.DB.Health(ctx),
		"tsdb":     s.Store.Health(),
		"queue":    s.Queue.Health(),
	}
}

// GetHealth answers part by part.
func (s *Server) GetHealth(ctx context.Context, _ GetHealthRequestObject) (GetHealthResponseObject, error) {
	h := Health{Status: "ok", Version: s.Version, Parts: map[string]string{}}
	var failed error
	for part, err := range s.health(ctx) {
		h.Parts[part] = "ok"
		if err != nil {
			h.Parts[part] = invoq.MessageOf(err)
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		h.Status = "unavailable"
		return GetHealth503JSONResponse(h), nil
	}
	return GetHealth200JSONResponse(h), nil
}
