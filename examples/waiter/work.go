package main

import (
	"fmt"
	"net/url"
	"strconv"
)

// Limits of one invocation.
const (
	maxSleepMs   = 60_000
	maxMemMB     = 512
	maxCPUSpinMs = 10_000
)

// work is what one invocation is ordered to do.
type work struct {
	SleepMs   int `json:"sleep_ms"`
	MemMB     int `json:"mem_mb"` // 2^20 bytes
	CPUSpinMs int `json:"cpu_spin_ms"`
}

// parseWork reads the query. Its errors are for the caller's eyes.
func parseWork(query url.Values) (work, error) {
	var o work
	for _, p := range []struct {
		name  string
		value *int
		limit int
	}{
		{"sleep_ms", &o.SleepMs, maxSleepMs},
		{"mem_mb", &o.MemMB, maxMemMB},
		{"cpu_spin_ms", &o.CPUSpinMs, maxCPUSpinMs},
	} {
		n, err := parseBounded(query[p.name], p.limit)
		if err != nil {
			return work{}, fmt.Errorf("%s: %w", p.name, err)
		}
		*p.value = n
	}
	return o, nil
}

// parseBounded reads one whole number from 0 to the limit; no value is 0.
func parseBounded(values []string, limit int) (int, error) {
	if len(values) == 0 {
		return 0, nil
	}
	if len(values) > 1 {
		return 0, fmt.Errorf("given %d times", len(values))
	}
	n, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil || n > uint64(limit) {
		return 0, fmt.Errorf("%q is not a whole number from 0 to %d", values[0], limit)
	}
	return int(n), nil
}
