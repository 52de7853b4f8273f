package invoq

import (
	"math"
	"slices"
)

// Meter is a countable quantity of function usage.
type Meter string

// The meters of functions. The unit is the last part of the name; counts have
// none. mb_ms is memory (2^20 bytes) × time (milliseconds).
const (
	Invocations Meter = "invocations"
	DurationMs  Meter = "duration_ms"
	MBMs        Meter = "mb_ms"
	CPUMs       Meter = "cpu_ms"
	ColdStarts  Meter = "cold_starts"
	Errors      Meter = "errors"
)

// Meters returns all meters, in the order in which bills list them.
func Meters() []Meter {
	return []Meter{Invocations, DurationMs, MBMs, CPUMs, ColdStarts, Errors}
}

// Validate returns an error of KindUnprocessable for a name that is no meter.
func (m Meter) Validate() error {
	if slices.Contains(Meters(), m) {
		return nil
	}
	return Errorf(KindUnprocessable, "meter %q is not one of %v", string(m), Meters())
}

// The meters of resources that user programs report: what the ledger counts
// beside functions. MB is 2^20 bytes.
const (
	AITokens       Meter = "AI_TOKENS"
	APIRequest     Meter = "API_REQUEST"
	StorageMB      Meter = "STORAGE_MB"
	ComputeSeconds Meter = "COMPUTE_SECONDS"
	PaymentTx      Meter = "PAYMENT_TX"
	BandwidthMB    Meter = "BANDWIDTH_MB"
)

// TrueUp is the meter of entries that measure nothing: what a bill asks for
// beside what its entries add up to, such as a fee or what is missing to a
// minimum. Programs cannot tell it and no rate prices it.
const TrueUp Meter = "TRUE_UP"

// ResourceMeters returns the meters of resources, in the order in which bills
// list them. Quantities has no fields for them.
func ResourceMeters() []Meter {
	return []Meter{AITokens, APIRequest, StorageMB, ComputeSeconds, PaymentTx, BandwidthMB}
}

// Quantities are the amounts of one revision's usage, one field a meter. The
// zero value is no usage.
type Quantities struct {
	Invocations Decimal
	DurationMs  Decimal
	MBMs        Decimal
	CPUMs       Decimal
	ColdStarts  Decimal
	Errors      Decimal
}

// Of returns the quantity of the meter; it panics on a name that is no meter.
func (q Quantities) Of(m Meter) Decimal { return *q.field(m) }

// Set stores the quantity of the meter; it panics on a name that is no meter.
func (q *Quantities) Set(m Meter, d Decimal) { *q.field(m) = d }

func (q *Quantities) field(m Meter) *Decimal {
	switch m {
	case Invocations:
		return &q.Invocations
	case DurationMs:
		return &q.DurationMs
	case MBMs:
		return &q.MBMs
	case CPUMs:
		return &q.CPUMs
	case ColdStarts:
		return &q.ColdStarts
	case Errors:
		return &q.Errors
	}
	panic("BUG: no meter " + string(m))
}

// Add returns the sums, meter by meter.
func (q Quantities) Add(o Quantities) Quantities {
	var sum Quantities
	for _, m := range Meters() {
		sum.Set(m, q.Of(m).Add(o.Of(m)))
	}
	return sum
}

// IsZero reports whether every quantity is 0.
func (q Quantities) IsZero() bool {
	for _, m := range Meters() {
		if !q.Of(m).IsZero() {
			return false
		}
	}
	return true
}

// Usage is what one revision used in one window. It is additive: the usage of
// an hour is the sum of its twelve five-minute windows, to the last digit.
type Usage struct {
	Interval
	TenantID  TenantID // empty where only the name is known yet
	Tenant    TenantName
	Namespace string
	Service   string
	Revision  string
	// Tags are the service's, nil where they were not asked for.
	Tags map[string]string
	Quantities
	// Latency counts the window's invocations by duration; percentiles come
	// from it and are estimates within one bucket.
	Latency Latency
	// MaxMemoryMB is the highest sampled memory of one pod, 2^20 bytes.
	MaxMemoryMB Decimal
	// GapSeconds is how many pod-seconds of the window no scrape saw: usage in
	// them is in no sample. It bounds the window's error.
	GapSeconds Decimal
	// Assumed is how many of the invocations were counted by the birth rule
	// from a first sample whose start nobody told.
	Assumed Decimal
	// UnmeasuredMs is how much of the duration had no known memory, so that
	// mb_ms lacks it.
	UnmeasuredMs Decimal
}

// Latency is a histogram of invocation durations that adds up across pods,
// revisions and windows. The zero value is empty and ready to use.
type Latency struct {
	// UpperMs are the buckets' inclusive upper bounds in milliseconds,
	// ascending; +Inf may be the last.
	UpperMs []float64
	// Counts are the invocations in each bucket alone (not cumulative).
	Counts []int64
}

// Observe adds n invocations to the bucket with the given upper bound. An empty
// bucket matters, too: the next one begins where it ends.
func (l *Latency) Observe(upperMs float64, n int64) {
	i, found := slices.BinarySearch(l.UpperMs, upperMs)
	if !found {
		l.UpperMs = slices.Insert(l.UpperMs, i, upperMs)
		l.Counts = slices.Insert(l.Counts, i, 0)
	}
	l.Counts[i] += n
}

// Merge adds the other histogram bucket by bucket. Where the layouts differ
// each count stays at the bound it was reported with.
func (l *Latency) Merge(o Latency) {
	for i, upper := range o.UpperMs {
		l.Observe(upper, o.Counts[i])
	}
}

// Clone returns a copy that shares nothing.
func (l Latency) Clone() Latency {
	return Latency{UpperMs: slices.Clone(l.UpperMs), Counts: slices.Clone(l.Counts)}
}

// Total returns the number of invocations counted.
func (l Latency) Total() int64 {
	var n int64
	for _, c := range l.Counts {
		n += c
	}
	return n
}

// Quantile estimates the q-quantile (0 to 1) in milliseconds, linear inside a
// bucket as PromQL's histogram_quantile has it: the answer is off by at most
// the bucket's width. A rank in the +Inf bucket gives the highest finite
// bound. It reports false when nothing was counted.
func (l Latency) Quantile(q float64) (float64, bool) {
	total := l.Total()
	if total <= 0 {
		return 0, false
	}
	rank := q * float64(total)
	var below int64
	lower := 0.0
	for i, upper := range l.UpperMs {
		if float64(below+l.Counts[i]) >= rank && l.Counts[i] > 0 {
			if i == len(l.UpperMs)-1 && math.IsInf(upper, 1) {
				return lower, true
			}
			return lower + (upper-lower)*(rank-float64(below))/float64(l.Counts[i]), true
		}
		below += l.Counts[i]
		lower = upper
	}
	return lower, true
}
