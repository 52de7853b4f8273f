package demo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
)

// The month of the tests: its 1st is a Thursday.
var (
	october  = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	november = october.AddDate(0, 1, 0)
)

// The same platform does the same every time, and nobody's usage depends on how
// many others there are.
func TestPlatformIsDeterministic(t *testing.T) {
	usage := func(n int) []usageEvent { return platformUsage(platformUsers(n), october, november) }
	if diff := cmp.Diff(usage(20), usage(20)); diff != "" {
		t.Errorf("twice the same platform differs:\n%s", diff)
	}
	of := func(all []usageEvent, user string) []usageEvent {
		return slices.DeleteFunc(slices.Clone(all), func(e usageEvent) bool { return e.User != user })
	}
	if diff := cmp.Diff(of(usage(20), "user-007"), of(usage(40), "user-007")); diff != "" {
		t.Errorf("user-007 does something else in company:\n%s", diff)
	}
}

// Usage looks like that of a platform: each request once, nothing outside its
// time, quiet weekends, and a tenth of the users with most of it.
func TestPlatformLooksReal(t *testing.T) {
	until := november.Add(-36 * time.Hour)
	all := platformUsage(platformUsers(240), october, until)
	ids, tokens := map[string]bool{}, map[string]float64{}
	var sum float64
	byDay := map[time.Weekday]int{}
	for _, e := range all {
		if ids[e.RequestID] {
			t.Errorf("request %s twice", e.RequestID)
		}
		ids[e.RequestID] = true
		if e.Time.Before(october) || e.Time.After(until) || e.Quantity < 1 {
			t.Errorf("%+v", e)
		}
		if e.Time.Before(october.AddDate(0, 0, 28)) {
			byDay[e.Time.Weekday()]++
		}
		if e.Resource == invoq.AITokens {
			tokens[e.User] += float64(e.Quantity)
			sum += float64(e.Quantity)
		}
	}
	if byDay[time.Sunday]*2 > byDay[time.Tuesday] {
		t.Errorf("Sundays have %d events, Tuesdays %d", byDay[time.Sunday], byDay[time.Tuesday])
	}
	var sizes []float64
	for _, n := range tokens {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	var top float64
	for _, n := range sizes[len(sizes)*9/10:] {
		top += n
	}
	if top < sum/3 {
		t.Errorf("a tenth of the users have %.0f %% of the tokens", 100*top/sum)
	}
}

// What an event comes to, by the catalogue, worked out by hand.
func TestWorth(t *testing.T) {
	middle := october.AddDate(0, 0, 14)
	f := func(m invoq.Meter, service string, quantity int64, at time.Time, realCost, billed string, unpriced int64) {
		t.Helper()
		e := usageEvent{Resource: m, Service: service, Quantity: quantity, Time: at}
		for _, i := range costItems {
			if i.service == service {
				e.Provider = i.provider
			}
		}
		w := e.worth(middle)
		if w.real.String() != realCost || w.billed.String() != billed || w.unpriced != unpriced || w.entries != 1 {
			t.Errorf("%d %s of %q: %s real, %s billed, %d unpriced", quantity, m, service, w.real, w.billed, w.unpriced)
		}
	}
	f(invoq.AITokens, "chat-large", 1000, october, "0.012", "0.0168", 0)        // 12 per 10^6, × 1.4
	f(invoq.AITokens, "chat-large", 1000, middle, "0.01", "0.016", 0)           // 10 per 10^6, × 1.6
	f(invoq.AITokens, "chat-large", 1000, middle.Add(-1), "0.012", "0.0168", 0) // the day before
	f(invoq.AITokens, "embed", 1_000_000, october, "0.1", "0.05", 0)            // SUBSIDIZED
	f(invoq.AITokens, "preview", 1_000_000, october, "6", "0", 1)               // no price
	f(invoq.APIRequest, "", 100, october, "0.04", "0.1", 0)                     // MARKUP, any service
	f(invoq.ComputeSeconds, "", 100_000, october, "8", "0", 0)                  // FIXED
	f(invoq.BandwidthMB, "", 100_000, october, "9", "0", 0)                     // FREE
	f(invoq.PaymentTx, "", 3, october, "0", "0", 1)                             // neither
	if csv := catalogueCSV(middle); strings.Count(csv, "2026-10-15") != 1 || strings.Count(csv, "\n") != 10 {
		t.Errorf("the catalogue is\n%s", csv)
	}
}

// Sums that are off by a hair, or by an entry, are not taken for the truth.
func TestCheckSums(t *testing.T) {
	row := func(realCost string, entries int64) margin {
		return margin{Entries: entries, Real: invoq.MustDecimal(realCost), Billed: invoq.MustDecimal("2")}
	}
	truth := money{real: invoq.MustDecimal("1.5"), billed: invoq.MustDecimal("2"), entries: 3}
	f := func(total, one margin, good bool) {
		t.Helper()
		err := checkSums(truth, margins{Totals: []margin{total}, Rows: []margin{one}})
		if (err == nil) != good {
			t.Errorf("totals %+v, rows %+v: %v", total, one, err)
		}
	}
	f(row("1.50", 3), row("1.5", 3), true)
	f(row("1.5000000001", 3), row("1.5", 3), false)
	f(row("1.5", 3), row("1.4999999999", 3), false)
	f(row("1.5", 3), row("1.5", 2), false)
}
