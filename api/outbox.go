package api

import (
	"bytes"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"

	"invoq"
	"invoq/access"
)

// How many bytes of answers wait for those who asked to read them, of all and of
// one tenant; how large an answer is that counts; and when those are asked to
// come again for whom there is no room.
const (
	outboxBytes       = 256 << 20
	outboxTenantBytes = outboxBytes / 4
	outboxCounted     = 256 << 10
	outboxRetry       = 5 * time.Second
)

// outbox bounds the answers in memory that are made and not yet read. Queries
// take turns to be answered, but who reads slowly keeps an answer for as long as
// a write may take, and could gather many. It is safe for concurrent use.
type outbox struct {
	refused *metrics.Counter

	mu    sync.Mutex
	bytes int
	by    map[invoq.TenantName]int
}

func newOutbox(set *metrics.Set) *outbox {
	o := &outbox{
		by:      map[invoq.TenantName]int{},
		refused: set.GetOrCreateCounter("invoq_http_answers_refused_total"),
	}
	set.GetOrCreateGauge("invoq_http_answers_unread_bytes", func() float64 {
		o.mu.Lock()
		defer o.mu.Unlock()
		return float64(o.bytes)
	})
	return o
}

// put counts an answer of so many bytes until taken is called, once. A tenant
// that has none waiting may have one that is larger than its share.
func (o *outbox) put(tenant invoq.TenantName, n int) (taken func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	own := o.by[tenant]
	if own > 0 && own+n > outboxTenantBytes || o.bytes > 0 && o.bytes+n > outboxBytes {
		o.refused.Inc()
		e := invoq.Errorf(invoq.KindUnavailable,
			"too many answers wait to be read: read them, or ask for less at a time")
		e.RetryAfter = outboxRetry
		return nil, e
	}
	o.bytes += n
	o.by[tenant] += n
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.bytes -= n
		if o.by[tenant] -= n; o.by[tenant] == 0 {
			delete(o.by, tenant)
		}
	}, nil
}

// hold counts the answer, if it is large, until it is written or the connection
// has ended.
func (o *outbox) hold(c *fiber.Ctx) error {
	resp := c.Response()
	if resp.IsBodyStream() || len(resp.Body()) < outboxCounted {
		return nil
	}
	id, _ := c.Locals(identityKey).(access.Identity)
	body := resp.Body()
	taken, err := o.put(id.Tenant, len(body))
	if err != nil {
		return err
	}
	resp.SwapBody(nil) // What is replaced by a stream goes back to a pool.
	resp.SetBodyStream(&heldAnswer{Reader: bytes.NewReader(body), taken: taken}, len(body))
	return nil
}

// heldAnswer is an answer that is counted until it is closed, which the HTTP library
// does once, whatever becomes of the connection.
type heldAnswer struct {
	*bytes.Reader
	taken func()
}

// Close implements io.Closer.
func (h *heldAnswer) Close() error {
	h.taken()
	return nil
}
