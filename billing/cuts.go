package billing

import (
	"context"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// CutsDatabase says whose calendar and whose prices there are.
type CutsDatabase interface {
	ListTenants(ctx context.Context, s invoq.Scope, p invoq.Page) ([]invoq.Tenant, error)
	PlanBook(ctx context.Context, s invoq.Scope) (postgres.PlanBook, error)
}

// Cutter says where usage within an hour must be told apart, since prices may
// change there: where a day begins in a zone like Asia/Kolkata, and by the clock.
type Cutter struct{ db CutsDatabase }

// NewCutter returns a cutter.
func NewCutter(db CutsDatabase) *Cutter { return &Cutter{db} }

// Cuts returns a function which says, of an hour, at which instants within it
// the usage of which tenants must be told apart. It goes by every version of every
// plan that a tenant may have, so that the usage is told apart before a plan is
// assigned.
func (c *Cutter) Cuts(
	ctx context.Context,
) (func(hour invoq.Interval) map[invoq.TenantID][]time.Time, error) {
	tenants, err := readAll(ctx, c.db.ListTenants, func(t invoq.Tenant) string { return string(t.Name) })
	if err != nil {
		return nil, err
	}
	book, err := c.db.PlanBook(ctx, invoq.Everyone())
	if err != nil {
		return nil, err
	}
	own := map[invoq.TenantID][]int{}
	for _, p := range book.Plans {
		own[p.TenantID] = append(own[p.TenantID], pricing.MinutesPastTheHour(p)...)
	}
	// Few tenants have any; the others are not looked at for each hour again.
	var odd []oddTenant
	zones := map[string]clock{}
	for _, t := range tenants {
		c, known := zones[t.Timezone]
		if !known {
			c = clockOf(t)
			zones[t.Timezone] = c
		}
		minutes := slices.Concat([]int{0}, own[""], own[t.ID])
		if c.zone != nil && (c.odd || len(minutes) > 1) {
			odd = append(odd, oddTenant{t.ID, c.zone, minutes})
		}
	}
	return func(hour invoq.Interval) map[invoq.TenantID][]time.Time {
		all := map[invoq.TenantID][]time.Time{}
		for _, t := range odd {
			if at := t.cuts(hour); len(at) > 0 {
				all[t.id] = at
			}
		}
		return all
	}, nil
}

// oddTenant is a tenant for whom prices may change within hours in UTC.
type oddTenant struct {
	id      invoq.TenantID
	zone    *time.Location
	minutes []int // past the hour of the tenant's clock
}

// clock is a zone, nil where a tenant has none and cannot be billed, and whether
// its hours are ever others than those of UTC.
type clock struct {
	zone *time.Location
	odd  bool
}

func clockOf(t invoq.Tenant) clock {
	zone, err := t.Location()
	if err != nil {
		return clock{}
	}
	for at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2040; at = at.AddDate(0, 1, 0) {
		if _, offset := at.In(zone).Zone(); offset%3600 != 0 {
			return clock{zone, true}
		}
	}
	return clock{zone, false}
}

// cuts returns the instants within the hour, ascending. The clock may be put
// forward within it, so that both its offsets count.
func (t oddTenant) cuts(hour invoq.Interval) []time.Time {
	var all []time.Time
	for _, when := range []time.Time{hour.Start, hour.End.Add(-1)} {
		_, offset := when.In(t.zone).Zone()
		for _, m := range t.minutes {
			seconds := ((m*60-offset)%3600 + 3600) % 3600
			at := hour.Start.Add(time.Duration(seconds) * time.Second)
			if seconds != 0 && invoq.Window5m.Floor(at).Equal(at) {
				all = append(all, at)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}
