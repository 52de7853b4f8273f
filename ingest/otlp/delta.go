package otlp

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// markDeltas gives every delta its start; see the package comment.
func markDeltas(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				markDelta(m)
			}
		}
	}
}

// markDelta gives the points of one metric their starts if they are deltas.
func markDelta(m pmetric.Metric) {
	const delta = pmetric.AggregationTemporalityDelta
	switch m.Type() {
	case pmetric.MetricTypeSum:
		if m.Sum().AggregationTemporality() == delta {
			for _, p := range m.Sum().DataPoints().All() {
				p.SetStartTimestamp(justBefore(p.Timestamp()))
			}
		}
	case pmetric.MetricTypeHistogram:
		if m.Histogram().AggregationTemporality() == delta {
			for _, p := range m.Histogram().DataPoints().All() {
				p.SetStartTimestamp(justBefore(p.Timestamp()))
			}
		}
	case pmetric.MetricTypeExponentialHistogram:
		if m.ExponentialHistogram().AggregationTemporality() == delta {
			for _, p := range m.ExponentialHistogram().DataPoints().All() {
				p.SetStartTimestamp(justBefore(p.Timestamp()))
			}
		}
	}
}

// justBefore returns the start of a delta of that time.
func justBefore(t pcommon.Timestamp) pcommon.Timestamp {
	const tick = pcommon.Timestamp(time.Millisecond)
	return max(t, tick) - tick
}
