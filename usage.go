package invoq

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
