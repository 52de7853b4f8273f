package exact

import (
	"cmp"
	"math/big"
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
		for _, u := range uppers {
			// Buckets are cumulative. One that grew less than the one below it
			// was cut by a scrape in between; it adds nothing.
			cumulative := d.buckets[u][i] / int64(perCount)
			if n := cumulative - below; n > 0 {
				slots[i].latency.Observe(u, n)
				below = cumulative
			}
		}
	}
}

// result turns the slots into rows, sorted.
func (c *computation) result() Result {
	res := Result{Sources: map[invoq.ServiceKey]Source{}}
	slices.SortFunc(c.fleet.order, func(a, b *revision) int {
		x, y := a.service.key, b.service.key
		return cmp.Or(cmp.Compare(x.Tenant, y.Tenant), cmp.Compare(x.Namespace, y.Namespace),
			cmp.Compare(x.Service, y.Service), cmp.Compare(a.name, b.name))
	})
	for _, r := range c.fleet.order {
		if _, counted := r.chosen[invocationsRole.name]; !counted {
			continue // Memory or CPU of something that serves nothing.
		}
		res.Sources[r.service.key] = r.service.source
		for i := range r.slots {
			if s := &r.slots[i]; s.seen || s.gapMs > 0 {
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
			Invocations: thousandths(s.invocations),
			DurationMs:  nanosAsMs(s.durationNs),
			MBMs:        s.byteNs.mbMs(),
			CPUMs:       nanosAsMs(s.cpuNs),
			ColdStarts:  thousandths(s.coldStarts),
			Errors:      thousandths(s.errors),
		},
		Latency:      s.latency,
		MaxMemoryMB:  megabytes(s.maxBytes),
		GapSeconds:   thousandths(s.gapMs),
		Assumed:      thousandths(s.assumed),
		UnmeasuredMs: nanosAsMs(s.unmeasuredNs),
	}
}

// thousandths returns n ÷ 1000; counts and seconds are kept in thousandths.
func thousandths(n int64) invoq.Decimal { return invoq.NewDecimal(n, -3) }

// nanosAsMs returns nanoseconds as milliseconds, exactly.
func nanosAsMs(n int64) invoq.Decimal { return invoq.NewDecimal(n, -6) }

// megabytes returns bytes ÷ 2^20, to three places: it is shown, not billed.
func megabytes(bytes int64) invoq.Decimal {
	return invoq.NewDecimal(bytes, 0).Quo(invoq.NewDecimal(1<<20, 0), 3)
}

// mbMs returns half of u byte·ns as MB·ms (2^20 bytes × 10^6 ns).
func (u uint128) mbMs() invoq.Decimal {
	if u == (uint128{}) {
		return invoq.Decimal{}
	}
	n := new(big.Int).SetUint64(u.hi)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(u.lo))
	whole := invoq.MustDecimal(n.String())
	return whole.Quo(invoq.NewDecimal(1<<21, 0), mbMsPlaces+6).Scale(-6).Round(mbMsPlaces)
}
