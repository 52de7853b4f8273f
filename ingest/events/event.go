package events

import (
	"time"

	"invoq"
)

// Limits of the time of an event.
const (
	// maxAhead is how far a sender's clock may be ahead of ours.
	maxAhead = 5 * time.Minute
	// maxAge is how late an event may come: a year and a month.
	maxAge = 396 * 24 * time.Hour
)

// milli is a thousand: from seconds to milliseconds.
var milli = invoq.NewDecimal(1000, 0)

// event returns the event that the item tells, with the id it was given or
// without. Errors are of KindUnprocessable.
func (it *item) event(tenant invoq.TenantName, now time.Time) (invoq.Event, error) {
	if it.err != nil {
		return invoq.Event{}, it.err
	}
	e := invoq.Event{
		Tenant: tenant, RequestID: it.requestID, User: it.user, Platform: it.platform,
		Provider: it.provider, Namespace: it.namespace, Revision: it.revision,
		Corrects: it.corrects, Labels: it.labels, ReceivedAt: now.UTC().Truncate(time.Microsecond),
	}
	if e.User == "" {
		e.User = invoq.DefaultUser
	}
	var err error
	if e.Time, err = it.time(now); err != nil {
		return e, err
	}
	switch {
	case it.has(fResource) && it.has(fServiceName):
		return e, invoq.Errorf(invoq.KindUnprocessable,
			"resource_type and service_name are of two kinds of event")
	case it.has(fResource):
		err = it.resourceUsage(&e)
	case it.has(fServiceName):
		err = it.functionUsage(&e)
	default:
		err = invoq.Errorf(invoq.KindUnprocessable, "neither resource_type nor service_name is given")
	}
	return e, err
}

func (it *item) time(now time.Time) (time.Time, error) {
	if !it.has(fTimestamp) {
		return time.Time{}, invoq.Errorf(invoq.KindUnprocessable, "timestamp is missing")
	}
	at, err := parseTime(it.timestamp)
	switch {
	case err != nil:
		return at, err
	case at.After(now.Add(maxAhead)):
		return at, invoq.Errorf(invoq.KindUnprocessable,
			"timestamp %s is more than %s ahead of the server's clock", it.timestamp, maxAhead)
	case at.Before(now.Add(-maxAge)):
		return at, invoq.Errorf(invoq.KindUnprocessable, "timestamp %s is more than %d days ago",
			it.timestamp, int(maxAge.Hours()/24))
	}
	return at, nil
}

// resourceUsage reads {userId, platformId, resourceType, provider, service,
// quantity}.
func (it *item) resourceUsage(e *invoq.Event) error {
	for _, f := range [...]int{fInvocations, fDuration, fMemory, fCPU, fErrors, fColdStart} {
		if it.has(f) {
			return invoq.Errorf(invoq.KindUnprocessable, "resource usage has quantity alone")
		}
	}
	if !it.has(fQuantity) {
		return invoq.Errorf(invoq.KindUnprocessable, "quantity is missing")
	}
	e.Service = it.service
	e.Measures = []invoq.Measure{
		{Meter: invoq.Meter(it.resource), Quantity: it.numbers[fQuantity]},
	}
	return nil
}

// functionUsage reads {service_name, revision, invocations, duration_seconds,
// memory_mb, cpu_seconds, cold_start, errors}. Durations are of all the event's
// invocations together; memory is in use for as long as they take. An event is
// one invocation unless it says otherwise, and a correction none: it tells
// differences.
func (it *item) functionUsage(e *invoq.Event) error {
	if it.has(fQuantity) || it.has(fService) {
		return invoq.Errorf(invoq.KindUnprocessable, "quantity and service are not of a function event")
	}
	e.Service = it.serviceName
	if e.Revision == "" {
		e.Revision = invoq.DefaultRevision
	}
	invocations := it.numbers[fInvocations]
	if !it.has(fInvocations) && it.corrects == "" {
		invocations = invoq.NewDecimal(1, 0)
	}
	if invocations.Places() > 0 {
		return invoq.Errorf(invoq.KindUnprocessable, "invocations %s is not whole", invocations)
	}
	if memory := it.numbers[fMemory]; memory.Sign() < 0 {
		return invoq.Errorf(invoq.KindUnprocessable,
			"memory_mb %s is negative: it is the duration that a correction makes less", memory)
	}
	e.Measures = append(make([]invoq.Measure, 0, 5),
		invoq.Measure{Meter: invoq.Invocations, Quantity: invocations})
	durationMs := it.numbers[fDuration].Mul(milli)
	it.measure(e, invoq.DurationMs, durationMs)
	it.measure(e, invoq.MBMs, it.numbers[fMemory].Mul(durationMs))
	it.measure(e, invoq.CPUMs, it.numbers[fCPU].Mul(milli))
	if it.coldStart {
		it.measure(e, invoq.ColdStarts, invoq.NewDecimal(1, 0))
	}
	switch status := it.labels["status"]; {
	case it.has(fErrors):
		it.measure(e, invoq.Errors, it.numbers[fErrors])
	case len(status) == 3 && status[0] == '5':
		it.measure(e, invoq.Errors, invocations)
	}
	return nil
}

// measure adds a quantity, unless there is none of it.
func (it *item) measure(e *invoq.Event, m invoq.Meter, q invoq.Decimal) {
	if !q.IsZero() {
		e.Measures = append(e.Measures, invoq.Measure{Meter: m, Quantity: q})
	}
}
