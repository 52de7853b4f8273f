package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"invoq"
	"invoq/access"
)

// adminTime bounds what is asked for on the store: it may take longer than a
// request does otherwise.
const adminTime = time.Hour

// mayAdmin lets in who may see to the store, by the Prometheus API.
func (s *Server) mayAdmin(h fiber.Handler) fiber.Handler {
	return inForm(formProm, s.may(access.Operate, h))
}

// promSnapshot copies the store into a folder of its own and names it.
func (s *Server) promSnapshot(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), adminTime)
	defer cancel()
	path, err := s.Store.Snapshot(ctx)
	if err != nil {
		return err
	}
	s.Log.Info("made a snapshot", "path", path)
	return promAnswer(c, map[string]string{"name": path})
}

// backfilled is what became of the samples of a backfill.
type backfilled struct {
	Stored    int    `json:"stored"`
	Known     int    `json:"known"`
	Conflicts int    `json:"conflicts"`
	Conflict  string `json:"conflict,omitempty"`
	Refused   int    `json:"refused"`
	Reason    string `json:"reason,omitempty"`
	Blocks    int    `json:"blocks"`
}

// promBackfill takes over samples that a command has staged in the store's
// folder.
func (s *Server) promBackfill(c *fiber.Ctx) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), adminTime)
	defer cancel()
	done, err := s.Store.Adopt(ctx, f.Get("name"))
	if err != nil {
		return err
	}
	s.Log.Info("adopted a backfill", "stored", done.Stored, "known", done.Known,
		"conflicts", done.Conflicts, "blocks", done.Blocks)
	answer := backfilled{
		Stored: done.Stored, Known: done.Known, Conflicts: done.Conflicts, Conflict: done.Conflict,
		Refused: done.Refused.Total(), Blocks: done.Blocks,
	}
	if err := done.Refused.Err(done.Stored); err != nil {
		answer.Reason = invoq.MessageOf(err)
	}
	return promAnswer(c, answer)
}
