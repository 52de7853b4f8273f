package ingest

import (
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
)

// receiverMetrics are what the receiver tells about itself.
type receiverMetrics struct {
	requests   map[invoq.Kind]*metrics.Counter
	accepted   *metrics.Counter
	histograms *metrics.Counter
	exemplars  *metrics.Counter
	rejected   [reasons]*metrics.Counter
	seconds    *metrics.Histogram
}

// newReceiverMetrics registers the receiver's metrics in set.
func newReceiverMetrics(set *metrics.Set) receiverMetrics {
	m := receiverMetrics{
		requests:   map[invoq.Kind]*metrics.Counter{},
		accepted:   set.NewCounter("invoq_ingest_samples_total"),
		histograms: set.NewCounter("invoq_ingest_histograms_total"),
		exemplars:  set.NewCounter("invoq_ingest_exemplars_total"),
		seconds:    set.NewHistogram("invoq_ingest_request_duration_seconds"),
	}
	for _, k := range []invoq.Kind{
		"", invoq.KindInvalid, invoq.KindUnprocessable, invoq.KindTooLarge, invoq.KindUnsupported,
		invoq.KindLimited, invoq.KindUnavailable, invoq.KindStorageFull, invoq.KindInternal,
	} {
		verdict := string(k)
		if k == "" {
			verdict = "ok"
		}
		m.requests[k] = set.NewCounter(fmt.Sprintf("invoq_ingest_requests_total{verdict=%q}", verdict))
	}
	for _, why := range Reasons() {
		m.rejected[why] = set.NewCounter(fmt.Sprintf("invoq_ingest_rejected_samples_total{reason=%q}", why))
	}
	return m
}

// observe notes one request.
func (m *receiverMetrics) observe(started time.Time, written Counts, err error) {
	c := m.requests[invoq.KindOf(err)]
	if c == nil {
		c = m.requests[invoq.KindInternal]
	}
	c.Inc()
	m.accepted.Add(written.Samples)
	m.histograms.Add(written.Histograms)
	m.exemplars.Add(written.Exemplars)
	m.seconds.UpdateDuration(started)
}

// reject notes what was refused, reason by reason.
func (m *receiverMetrics) reject(r Rejections) {
	for why, c := range m.rejected {
		if n := r.Count(Reason(why)); n > 0 {
			c.Add(n)
		}
	}
}
