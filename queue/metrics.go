package queue

import (
	"context"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// meters are what the queue says of itself.
type meters struct {
	put, drained, popped        *metrics.Counter
	failed, full, retries, dead *metrics.Counter
	putSeconds                  *metrics.Histogram
}

func newMeters(set *metrics.Set) meters {
	return meters{
		put:        set.NewCounter("invoq_queue_events_put_total"),
		drained:    set.NewCounter("invoq_queue_events_posted_total"),
		popped:     set.NewCounter("invoq_queue_events_popped_total"),
		failed:     set.NewCounter("invoq_queue_errors_total"),
		full:       set.NewCounter("invoq_queue_full_total"),
		retries:    set.NewCounter("invoq_queue_post_retries_total"),
		dead:       set.NewCounter("invoq_queue_unreadable_total"),
		putSeconds: set.NewHistogram("invoq_queue_put_seconds"),
	}
}

// stateTime bounds how long a scrape waits for the queue.
const stateTime = time.Second

// Measure adds how much waits, and for how long, to the set. Each scrape asks
// the stream; −1 says that it did not answer.
func (q *Queue) Measure(set *metrics.Set, now func() time.Time) {
	for name, value := range map[string]func(State) float64{
		"invoq_queue_messages": func(s State) float64 { return float64(s.Messages) },
		"invoq_queue_bytes":    func(s State) float64 { return float64(s.Bytes) },
		"invoq_queue_oldest_seconds": func(s State) float64 {
			if s.Oldest.IsZero() {
				return 0
			}
			return now().Sub(s.Oldest).Seconds()
		},
	} {
		set.NewGauge(name, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), stateTime)
			defer cancel()
			s, err := q.State(ctx)
			if err != nil {
				return -1
			}
			return value(s)
		})
	}
}
