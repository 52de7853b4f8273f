package tsdb

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// lostWriteMetrics count writes that failed without an error to the appender:
// the library logs them, counts them and goes on.
var lostWriteMetrics = []string{
	"prometheus_tsdb_out_of_order_wbl_writes_failed_total",
	"prometheus_tsdb_wal_writes_failed_total",
}

// corruptionMetric counts logs that were cut when they were opened.
const corruptionMetric = "prometheus_tsdb_wal_corruptions_total"

// watchedRegistry keeps hold of the counters of silent failures as the TSDB
// registers them, since it offers no other way to ask for their value.
type watchedRegistry struct {
	prometheus.Registerer
	lost       []prometheus.Counter
	corrupted  []prometheus.Counter
	registered []prometheus.Collector
}

// Register registers the collector and keeps it if it counts lost writes.
func (w *watchedRegistry) Register(c prometheus.Collector) error {
	if err := w.Registerer.Register(c); err != nil {
		return err
	}
	w.keep(c)
	return nil
}

// MustRegister registers the collectors and keeps those that count lost writes.
func (w *watchedRegistry) MustRegister(cs ...prometheus.Collector) {
	w.Registerer.MustRegister(cs...)
	for _, c := range cs {
		w.keep(c)
	}
}

// unregister forgets all that was registered, for the next who opens the TSDB.
func (w *watchedRegistry) unregister() {
	for _, c := range w.registered {
		w.Registerer.Unregister(c)
	}
}

// keep remembers the collector, and what it counts.
func (w *watchedRegistry) keep(c prometheus.Collector) {
	w.registered = append(w.registered, c)
	counter, ok := c.(prometheus.Counter)
	if !ok {
		return
	}
	is := func(name string) bool {
		return strings.Contains(counter.Desc().String(), `"`+name+`"`)
	}
	switch {
	case slices.ContainsFunc(lostWriteMetrics, is):
		w.lost = append(w.lost, counter)
	case is(corruptionMetric):
		w.corrupted = append(w.corrupted, counter)
	}
}

// lostWrites returns how many writes failed silently since the start.
func (w *watchedRegistry) lostWrites() float64 { return total(w.lost) }

// corruptions returns how often the library cut a log at something unreadable.
func (w *watchedRegistry) corruptions() float64 { return total(w.corrupted) }

// total sums counters.
func total(counters []prometheus.Counter) float64 {
	sum := 0.0
	for _, c := range counters {
		var m dto.Metric
		if err := c.Write(&m); err == nil {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}
