package benchingest

import (
	"fmt"
	"math/bits"
	"time"
)

// load is a fleet of function pods, scraped again and again.
type load struct {
	name, what string
	// series is how many live at a time, and rounds how often each is scraped.
	series, rounds int
	// generations is how often the fleet is replaced by a new one.
	generations int
	step        time.Duration
}

// loads are the loads by which servers are compared. All times lie within the
// two hours that Invoq accepts by default.
func loads() []load {
	return []load{
		{"a", "many series", 100_000, 60, 1, 15 * time.Second},
		{"b", "long series", 10_000, 600, 1, 10 * time.Second},
		{"c", "churn", 100_000, 6, 5, 15 * time.Second},
	}
}

// scale makes the load shorter by having fewer series.
func (l load) scale(by float64) load {
	pods := max(int(by*float64(l.series))/perPod, connections)
	l.series = pods * perPod
	return l
}

// samples is how many samples the load has.
func (l load) samples() int { return l.series * l.rounds * l.generations }

// length is the time that the load's scrapes span.
func (l load) length() time.Duration {
	return time.Duration(l.rounds*l.generations) * l.step
}

// String describes the load in a few words.
func (l load) String() string {
	return fmt.Sprintf("%s (%s): %d series x %d samples", l.name, l.what,
		l.series*l.generations, l.rounds)
}

// metric is one series of a pod.
type metric struct {
	name, le, method, status string
	value                    func(seed, round uint64) float64
}

// perPod is how many series a pod has.
const perPod = 20

// podMetrics returns the series of a pod: counters, a histogram of 12 buckets,
// and gauges.
func podMetrics() []metric {
	get := func(name string, value func(seed, round uint64) float64) metric {
		return metric{name: name, method: "GET", status: "200", value: value}
	}
	all := []metric{
		get("function_requests_total", requests),
		{name: "function_requests_total", method: "GET", status: "500", value: failures},
		{name: "function_requests_total", method: "POST", status: "200", value: requests},
	}
	bounds := []string{
		"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf",
	}
	for i, le := range bounds {
		m := get("function_request_duration_seconds_bucket", func(seed, round uint64) float64 {
			return float64(int(requests(seed, round)) * (i + 1) / len(bounds))
		})
		m.le = le
		all = append(all, m)
	}
	seconds := func(seed, round uint64) float64 { return requests(seed, round) * 0.0731 }
	return append(all,
		get("function_request_duration_seconds_count", requests),
		get("function_request_duration_seconds_sum", seconds),
		get("function_cpu_seconds_total", seconds),
		get("function_cold_starts_total", failures),
		get("function_memory_usage_bytes", func(seed, round uint64) float64 {
			return float64(64<<20 + mix(seed, round)%4096<<12)
		}))
}

// requests counts up, by another number in each round.
func requests(seed, round uint64) float64 {
	most := 20 + seed%500
	return float64(most*round + mix(seed, round)%most)
}

// failures counts up slowly.
func failures(seed, round uint64) float64 { return float64((round + seed%8) / 8) }

// mix returns a number that looks random and depends on the two alone.
func mix(seed, round uint64) uint64 {
	hi, lo := bits.Mul64(seed^0x9e3779b97f4a7c15, round^0xd1b54a32d192ed03)
	return hi ^ lo
}

// pod is a pod of the fleet.
type pod struct {
	number, generation int
}

// The fleet's owners: tenants, and services of each.
const (
	tenants  = 20
	services = 10
)

// labels returns the label names and values of a series of the pod, sorted.
func (p pod) labels(m metric) []string {
	service := p.number / tenants % services
	pairs := []string{
		"__name__", m.name,
		"instance", fmt.Sprintf("10.%d.%d.%d:9091", p.generation, p.number/250, p.number%250),
	}
	if m.le != "" {
		pairs = append(pairs, "le", m.le)
	}
	return append(pairs, "method", m.method,
		"revision", fmt.Sprintf("shop-%d-%05d", service, p.generation+1),
		"service", fmt.Sprintf("shop-%d", service),
		"status", m.status,
		"tenant", fmt.Sprintf("tenant-%02d", p.number%tenants))
}

// at returns when the pod is scraped in a round, in milliseconds after the
// round begins: pods are scraped at times of their own.
func (p pod) at(step time.Duration) int64 {
	return int64(mix(uint64(p.number), 7) % uint64(step.Milliseconds()))
}
