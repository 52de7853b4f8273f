package exact

import (
	"cmp"
	"slices"
	"time"

	"invoq"
)

// places is how many decimal places mb_ms keeps. It is rounded once per
// revision and five-minute window, which is the smallest thing that is counted.
const mbMsPlaces = 6

// foldLatency adds the pod's buckets to the slots.
func (d *pod) foldLatency(slots []slot) {
	uppers := make([]float64, 0, len(d.buckets))
	for u := range d.buckets {
		uppers = append(uppers, u)
	}
	slices.Sort(uppers)
	for i := range slots {
		below := int64(0)
		for k, u := range uppers {
			// Buckets are cumulative. One that grew less than the one below it
			// was cut by a scrape in between; it adds nothing.
			cumulative := d.buckets[u][i] / int64(perCount)
			if n := cumulative - below; n > 0 {
				if k > 0 {
					slots[i].latency.Observe(uppers[k-1], 0) // Where this one begins.
				}
				slots[i].latency.Observe(u, n)
				below = cumulative
			}
		}
	}
}

// result turns the slots into rows, sorted.
func (c *computation) result() Result {
	res := Result{Sources: map[invoq.ServiceKey]Source{}, Uncounted: c.turnedAway}
	slices.SortFunc(c.fleet.order, func(a, b *revision) int {
		x, y := a.service.key, b.service.key
		return cmp.Or(cmp.Compare(x.Tenant, y.Tenant), cmp.Compare(x.Namespace, y.Namespace),
			cmp.Compare(x.Service, y.Service), cmp.Compare(a.name, b.name))
	})
	for _, r := range c.fleet.order {
		if !r.service.counted {
			continue // Memory or CPU of something that serves nothing.
		}
		delete(res.Uncounted, r.service.key)
		res.Sources[r.service.key] = r.service.source
		for i := range r.slots {
			if s := &r.slots[i]; s.seen || s.gapMs > 0 || s.coldStarts != (uint128{}) {
				start := c.req.Interval.Start.Add(time.Duration(int64(i)*slotMs) * time.Millisecond)
				res.Rows = append(res.Rows, r.row(s, start))
			}
		}
	}
	return res
}

// row turns one slot's integers into a window of 5 minutes.
func (r *revision) row(s *slot, start time.Time) invoq.Usage {
	key := r.service.key
	return invoq.Usage{
		Interval:  invoq.Interval{Start: start.UTC(), End: start.Add(invoq.Window5m.Duration()).UTC()},
		Tenant:    key.Tenant,
		Namespace: key.Namespace,
		Service:   key.Service,
		Revision:  r.name,
		Quantities: invoq.Quantities{
			Invocations: s.invocations.scaled(thousandth),
			DurationMs:  s.durationNs.scaled(nanoAsMs),
			MBMs:        s.byteNs.mbMs(),
			CPUMs:       s.cpuNs.scaled(nanoAsMs),
			ColdStarts:  s.coldStarts.scaled(thousandth),
			Errors:      s.errors.scaled(thousandth),
		},
		Latency:      s.latency,
		MaxMemoryMB:  megabytes(s.maxBytes),
		GapSeconds:   invoq.NewDecimal(s.gapMs, thousandth),
		Assumed:      s.assumed.scaled(thousandth),
		UnmeasuredMs: s.unmeasuredNs.scaled(nanoAsMs),
	}
}

// Powers of ten from what slots hold to what windows say: counts are kept in
// thousandths, times in nanoseconds and said in milliseconds.
const (
	thousandth = -3
	nanoAsMs   = -6
)

// megabytes returns bytes ÷ 2^20, to three places: it is shown, not billed.
func megabytes(bytes int64) invoq.Decimal {
	return invoq.NewDecimal(bytes, 0).Quo(invoq.NewDecimal(1<<20, 0), 3)
}
