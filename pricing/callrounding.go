package pricing

import "invoq"

// RoundCall returns the calls as a provider counts each of them: duration and
// memory rounded up to their steps and held between their least and most.
// 27.55 ms at a step of 1 ms is 28 ms; 160 MB at a step of 128 MB is 256 MB.
func RoundCall(r invoq.Rounding, c Calls) Calls {
	c.DurationMs = roundUp(c.DurationMs, r.DurationStepMs).Max(r.DurationMinMs)
	c.MemoryMB = roundUp(c.MemoryMB, r.MemoryStepMB).Max(r.MemoryMinMB)
	if !r.MemoryMaxMB.IsZero() {
		c.MemoryMB = c.MemoryMB.Min(r.MemoryMaxMB)
	}
	return c
}

// Quantity returns what the calls are of the meter, as they stand, and whether
// calls say it: they have durations, MB·ms and CPU·ms.
func (c Calls) Quantity(m invoq.Meter) (invoq.Decimal, bool) {
	switch m {
	case invoq.DurationMs:
		return c.Count.Mul(c.DurationMs), true
	case invoq.MBMs:
		return c.Count.Mul(c.DurationMs).Mul(c.MemoryMB), true
	case invoq.CPUMs:
		return c.Count.Mul(c.DurationMs).Mul(c.CPUs), true
	}
	return invoq.Decimal{}, false
}

// roundUp returns the least multiple of the step that is not less than d,
// which is 0 or more; a step of 0 leaves it.
func roundUp(d, step invoq.Decimal) invoq.Decimal {
	if step.IsZero() {
		return d
	}
	return ceilQuo(d, step).Mul(step)
}

// ceilQuo returns d ÷ unit rounded up to an integer; d is 0 or more, unit more
// than 0. The quotient is off by half at most, so one step up mends it.
func ceilQuo(d, unit invoq.Decimal) invoq.Decimal {
	n := d.Quo(unit, 0)
	if n.Mul(unit).Cmp(d) < 0 {
		return n.Add(one)
	}
	return n
}

var one = invoq.NewDecimal(1, 0)
