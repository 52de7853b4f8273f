package campaign

import (
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// Long reports whether campaigns are to be long.
func Long() bool { return os.Getenv("INVOQ_CAMPAIGN") != "" }

// Count returns how much a campaign does of something: the number in the
// variable of the environment, else long or short as Long says.
func Count(t testing.TB, variable string, short, long int) int {
	t.Helper()
	if text := os.Getenv(variable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("%s=%q is not a number from 1 on", variable, text)
		}
		return n
	}
	if Long() {
		return long
	}
	return short
}

// Percentile returns the least of the times that at least a share of them does
// not exceed (the nearest rank); the share is above 0 and at most 1. It is 0 for
// no times.
func Percentile(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[int(math.Ceil(share*float64(len(sorted))))-1]
}

// Begin passes over the test with -short: a campaign, even a short one, takes
// more than a moment.
func Begin(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("a campaign: make test runs it short, make campaign long")
	}
}
