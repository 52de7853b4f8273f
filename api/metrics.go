package api

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/common/expfmt"
)

// httpMetrics measure requests by route, so that paths cannot make up series.
type httpMetrics struct {
	set *metrics.Set
	mu  *sync.Mutex
	by  map[string]*metrics.Histogram
}

// newHTTPMetrics returns measurements that are kept in the set.
func newHTTPMetrics(set *metrics.Set) httpMetrics {
	return httpMetrics{set: set, mu: &sync.Mutex{}, by: map[string]*metrics.Histogram{}}
}

// observe measures a request that has been answered. What no route took counts as
// one: paths are the callers' to invent.
func (m *httpMetrics) observe(c *fiber.Ctx, started time.Time) {
	route := c.Route().Path
	if strings.ContainsRune(route, '*') || route == "/" && c.Path() != "/" {
		route = "other"
	}
	name := fmt.Sprintf("invoq_http_request_duration_seconds{method=%q,route=%q,status=\"%d\"}",
		c.Method(), route, c.Response().StatusCode())
	m.mu.Lock()
	h := m.by[name]
	if h == nil {
		h = m.set.GetOrCreateHistogram(name)
		m.by[name] = h
	}
	m.mu.Unlock()
	h.UpdateDuration(started)
}

// metrics writes our own metrics, then those that the TSDB registered.
func (s *Server) metrics(c *fiber.Ctx) error {
	var buf bytes.Buffer
	s.Metrics.WritePrometheus(&buf)
	metrics.WriteProcessMetrics(&buf)
	families, err := s.Gatherers.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	enc := expfmt.NewEncoder(&buf, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	c.Set(fiber.HeaderContentType, "text/plain; version=0.0.4; charset=utf-8")
	return c.Send(buf.Bytes())
}
