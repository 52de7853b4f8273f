// Package exact counts usage from raw samples, to the last invocation.
//
// PromQL's increase() extrapolates to the edges of its range and never counts
// the first value of a series, so a fleet that scales to zero is under-billed
// at every cold start. Here nothing is extrapolated. For each series let C(t)
// be all it is known to have counted by its last sample at or before t. The
// usage of the window [s, e) is C(e) − C(s). So windows add up by
// construction: twelve five-minute windows are one hour, to the last unit.
//
// # From samples to C
//
// The samples of a counter are v1, v2, … at t1 < t2 < …
//
//   - growth: v(i) − v(i−1) when it did not fall.
//   - restart: when it fell, or when its start (told with the sample, or by the
//     process_start_time_seconds of the same scraped process) moved on, all of
//     v(i) is new.
//   - birth: the first sample of a series that the TSDB holds counts from zero.
//     When its start is told and lies more than BirthAge before its process (or,
//     where no process is known, its tenant) was first seen, and this is the
//     first scrape of it, it counts as nothing: that usage was before us. When
//     nobody tells the start, it counts, and while the tenant is newly watched
//     (FirstSight) it is also reported as assumed.
//   - end: a stale marker or silence ends a series; nothing is carried on.
//
// A growth belongs to the instant of the sample that shows it, and a sample at
// the very end of a window to that window. A value is read once, to the nearest
// nanosecond (durations) or thousandth (counts), and only then subtracted, so
// reading errors never add up.
//
// # Memory × time
//
// mb_ms of a step between two scrapes of a pod is the growth of its duration
// times the mean of its memory gauge at both scrapes. The error is at most the
// growth times half of what the gauge moved between them. A gauge is never used
// more than GaugeAge away from its sample. Where no gauge is known the service's
// configured limit is used; without one the duration is reported as unmeasured.
//
// # What nobody saw
//
// Requests between the last scrape and a pod's end are in no sample. Each
// window says how many pod-seconds of it went unseen, see gaps.go.
//
// Which series mean what is data: profiles.yaml. A pod is counted by one
// profile, and a service by one group of them.
package exact
