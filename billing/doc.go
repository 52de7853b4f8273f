// Package billing makes bills: it finds the tenant's plan, gathers the usage of
// the period, has package pricing rate it, and stores the draft.
//
// It owns which plan applies, which usage belongs to a period, and what is said
// beside a bill when something about it is not certain. It does not own rates
// (package pricing) or counting (package tsdb/exact).
//
// The same windows, plan version and period give the same bill to the last
// digit, whenever it is computed.
package billing
