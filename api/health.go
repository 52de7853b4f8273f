package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"invoq"
)

// healthTimeout bounds how long a part may take to say that it works.
const healthTimeout = 2 * time.Second

// alive answers as soon as the server can answer at all.
func (s *Server) alive(c *fiber.Ctx) error { return c.SendString("ok\n") }

// notReadyAgain is when whoever asks for readiness may ask again.
const notReadyAgain = 10 * time.Second

// ready answers 200 when samples and events can be taken and made durable, else
// which parts keep them from it, and why.
func (s *Server) ready(c *fiber.Ctx) error {
	parts := s.health(c.UserContext())
	var failed []string
	var causes []error
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		if err := parts[part]; err != nil {
			failed = append(failed, part+": "+invoq.MessageOf(err))
			causes = append(causes, fmt.Errorf("%s: %w", part, err))
		}
	}
	s.noteReadiness(errors.Join(causes...))
	if failed == nil {
		return c.SendString("ok\n")
	}
	e := invoq.Errorf(invoq.KindUnavailable, "%s", strings.Join(failed, "; "))
	e.RetryAfter = notReadyAgain
	return e
}

// noteReadiness tells the log when readiness ends and when it is back. Probes
// come every few seconds, and what they find is the same.
func (s *Server) noteReadiness(err error) {
	was := s.unready.Swap(err != nil)
	switch {
	case err != nil && !was:
		s.Log.Error("not ready", "err", err)
	case err == nil && was:
		s.Log.Info("ready again")
	}
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
