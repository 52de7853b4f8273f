package tsdb

import (
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

// watchedRegistry keeps hold of the counters of silent failures as the TSDB
// registers them, since it offers no other way to ask for their value.
type watchedRegistry struct {
	prometheus.Registerer
	counters []prometheus.Counter
}

// Register registers the collector and keeps it if it counts lost writes.
func (w *watchedRegistry) Register(c prometheus.Collector) error {
	w.keep(c)
	return w.Registerer.Register(c)
}

// MustRegister registers the collectors and keeps those that count lost writes.
func (w *watchedRegistry) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		w.keep(c)
	}
	w.Registerer.MustRegister(cs...)
}

// keep remembers the collector if it counts lost writes.
func (w *watchedRegistry) keep(c prometheus.Collector) {
	counter, ok := c.(prometheus.Counter)
	if !ok {
		return
	}
	for _, name := range lostWriteMetrics {
		if strings.Contains(counter.Desc().String(), `"`+name+`"`) {
			w.counters = append(w.counters, counter)
		}
	}
}

// lostWrites returns how many writes failed silently since the start.
func (w *watchedRegistry) lostWrites() float64 {
	sum := 0.0
	for _, c := range w.counters {
		var m dto.Metric
		if err := c.Write(&m); err == nil {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}
