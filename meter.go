package invoq

import "slices"

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

// ResourceMeters returns the meters of resources, in the order in which bills
// list them. Quantities has no fields for them.
func ResourceMeters() []Meter {
	return []Meter{AITokens, APIRequest, StorageMB, ComputeSeconds, PaymentTx, BandwidthMB}
}
