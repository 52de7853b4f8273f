package function

import (
	"net/http"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// meters holds the series of one process. The registry is its own, so that
// nothing but the function's series and the process's is exported.
type meters struct {
	registry   *prometheus.Registry
	requests   prometheus.Counter
	errors     prometheus.Counter
	coldStarts prometheus.Counter
	duration   prometheus.Histogram
	firstUse   sync.Once
}

func newMeters(name string, id identity) *meters {
	labels := prometheus.Labels{"service": id.Service, "revision": id.Revision}
	counter := func(metric, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: name + metric, Help: help, ConstLabels: labels}
	}
	m := &meters{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounter(counter("_requests_total",
			"Finished invocations, failed ones included.")),
		errors: prometheus.NewCounter(counter("_errors_total",
			"Invocations that panicked or answered with a status of 500 or more.")),
		coldStarts: prometheus.NewCounter(counter("_cold_starts_total",
			"First invocations of a process: somebody waited for it to start.")),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:        name + "_request_duration_seconds",
			Help:        "Durations of finished invocations.",
			ConstLabels: labels,
			// The library's usual bounds end at 10 s; an invocation may take 70.
			Buckets: append(prometheus.DefBuckets, 30, 60),
		}),
	}
	m.registry.MustRegister(m.requests, m.errors, m.coldStarts, m.duration,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewCounterFunc(counter("_cpu_seconds_total",
			"User and system CPU time of the process."), cpuSeconds),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: name + "_memory_usage_bytes", ConstLabels: labels,
			Help: "Memory that the process holds: mapped and not given back.",
		}, memoryBytes))
	return m
}

func (m *meters) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// count counts each invocation when its response is finished, and also when it
// panics: no request passes unrecorded.
func (m *meters) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &statusRecorder{ResponseWriter: w}
		returned := false
		start := time.Now()
		defer func() {
			m.finish(time.Since(start), !returned || rec.status >= http.StatusInternalServerError)
		}()
		next.ServeHTTP(rec, r)
		returned = true
	})
}

func (m *meters) finish(took time.Duration, failed bool) {
	m.firstUse.Do(m.coldStarts.Inc)
	if failed {
		m.errors.Inc()
	}
	m.duration.Observe(took.Seconds())
	m.requests.Inc()
}

// statusRecorder remembers the final status of a response; 0 means that the
// handler left it at 200.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader records the first status that is not informational.
func (r *statusRecorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// cpuSeconds returns the CPU time of the process, from getrusage(2).
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("BUG: getrusage of the own process: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// memoryBytes returns what the Go runtime has mapped less what it has given
// back to the system: close to the resident size, and the same everywhere.
func memoryBytes() float64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
