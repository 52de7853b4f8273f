package api

import (
	"github.com/gofiber/fiber/v2"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/otlp"
)

// otlpMetrics takes metrics by OTLP over HTTP.
func (s *Server) otlpMetrics(c *fiber.Ctx) error {
	sc, err := s.ingestScope(c)
	if err != nil {
		return err
	}
	return s.push(c, s.Receiver.Limits().WireBytes, func(body []byte) error {
		answer, err := s.OTLP.Export(c.UserContext(), ingest.Request{
			ContentType:     c.Get(fiber.HeaderContentType),
			ContentEncoding: c.Get(fiber.HeaderContentEncoding),
			Body:            body,
			Scope:           sc,
		})
		if err != nil {
			return otlp.Retried(err)
		}
		c.Set(fiber.HeaderContentType, answer.ContentType)
		return c.Send(answer.Body)
	})
}

// otlpError answers with an error in the form of OTLP.
func otlpError(c *fiber.Ctx, kind invoq.Kind, message string) error {
	body, media := otlp.ErrorBody(c.Get(fiber.HeaderContentType), kind, message)
	c.Set(fiber.HeaderContentType, media)
	return c.Send(body)
}
