package billing

import (
	"context"
	"fmt"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// DayCost is what one revision's usage of one meter adds to its tenant's bill on
// one day. What belongs to no revision, such as a flat fee or the rest to a
// minimum charge, has none.
type DayCost struct {
	// End is the end of the day in the tenant's zone; of the current day it is
	// the last boundary of five minutes.
	End                          time.Time
	Namespace, Service, Revision string
	Meter                        invoq.Meter
	Currency                     invoq.Currency
	Cost                         invoq.Decimal
}

// DayCosts returns the costs of the calendar month, in the tenant's zone, that
// contains at, day by day up to now. They add up to the exact total of the
// month's bill to date. A month that cannot be priced has none.
func (b *Biller) DayCosts(
	ctx context.Context, t invoq.Tenant, at, now time.Time,
) ([]DayCost, error) {
	period, err := monthAt(t, at)
	if err != nil || !now.After(period.Start) {
		return nil, err
	}
	scope := invoq.Only(t.ID)
	usage, err := b.db.SumUsageByDay(ctx, scope,
		postgres.UsageFilter{Tenant: t.ID, Interval: period.Interval}, period.Zone)
	if err != nil {
		return nil, err
	}
	k := monthMaker{agreement: agreement{b.db, newSheets()}, db: b.db, scope: scope}
	d := dayCoster{currency: t.Currency, period: period, usage: usage, now: now}
	err = d.price(ctx, k, t)
	switch invoq.KindOf(err) {
	case "":
		return d.costs, nil
	case invoq.KindUnprocessable, invoq.KindNotFound:
		return nil, nil
	}
	return nil, fmt.Errorf("price days of tenant %q: %w", t.Name, err)
}

// dayCoster prices a month day by day.
type dayCoster struct {
	currency invoq.Currency
	period   pricing.Period
	usage    []postgres.DayUsage
	now      time.Time
	costs    []DayCost
}

// costKey tells apart what costs are kept apart by.
type costKey struct {
	revisionKey
	meter invoq.Meter
}

// price fills in the costs: of each day what it adds to the month's.
func (d *dayCoster) price(ctx context.Context, k monthMaker, t invoq.Tenant) error {
	parts, err := k.parts(ctx, t, d.period)
	if err != nil {
		return err
	}
	m := newMonth(t, d.period)
	items, _ := m.gather(d.usage, d.period)
	if items, err = k.finer(ctx, t, d.period, parts, items); err != nil {
		return err
	}
	used := map[revisionKey]invoq.Quantities{}
	before := map[costKey]invoq.Decimal{}
	next := 0
	first := d.period.Start.In(d.period.Zone)
	for n := 1; ; n++ {
		day := dayOf(first.Year(), first.Month(), n, d.period.Zone)
		if !day.Start.Before(d.period.End) || !day.Start.Before(invoq.Window5m.Floor(d.now)) {
			return nil
		}
		for ; next < len(d.usage) && dayNamed(d.usage[next].Day, d.period.Zone).Start.Equal(day.Start); next++ {
			u := &d.usage[next]
			key := revisionKey{u.Namespace, u.Service, u.Revision}
			used[key] = used[key].Add(u.Quantities)
		}
		priced := partsUntil(parts, day.End)
		if len(priced) == 0 {
			continue
		}
		st, err := priceParts(priced, d.period.Zone, upTo(items, day.End))
		if err != nil {
			return err
		}
		d.add(day, before, costsOf(st, used))
	}
}

// add notes what a day adds to the costs before it, and makes those its own.
func (d *dayCoster) add(day invoq.Interval, before, costs map[costKey]invoq.Decimal) {
	end := day.End
	if now := invoq.Window5m.Floor(d.now); end.After(now) {
		end = now
	}
	for key := range before { // A tier that is reached may take all of a share away.
		if _, still := costs[key]; !still {
			costs[key] = invoq.Decimal{}
		}
	}
	for key, cost := range costs {
		if added := cost.Sub(before[key]); !added.IsZero() {
			d.costs = append(d.costs, DayCost{
				End: end, Namespace: key.namespace, Service: key.service, Revision: key.revision,
				Meter: key.meter, Currency: d.currency, Cost: added,
			})
		}
		before[key] = cost
	}
}

// costsOf splits each line's exact charge among the services that made it, by
// what the line says of them, and theirs among their revisions, by quantity.
// What is left of the total belongs to nobody.
func costsOf(st statement, used map[revisionKey]invoq.Quantities) map[costKey]invoq.Decimal {
	costs := map[costKey]invoq.Decimal{}
	for _, line := range st.lines {
		left := line.Exact
		for _, in := range line.Inputs {
			var all invoq.Decimal
			for key, q := range used {
				if key.namespace == in.Namespace && key.service == in.Service {
					all = all.Add(q.Of(line.Meter))
				}
			}
			if line.Quantity.Sign() <= 0 || all.Sign() <= 0 {
				continue
			}
			for key, q := range used {
				if key.namespace != in.Namespace || key.service != in.Service {
					continue
				}
				part := line.Exact.Mul(in.Quantity).Mul(q.Of(line.Meter)).
					Quo(line.Quantity.Mul(all), sharePlaces)
				at := costKey{key, line.Meter}
				costs[at], left = costs[at].Add(part), left.Sub(part)
			}
		}
		nobody := costKey{meter: line.Meter}
		costs[nobody] = costs[nobody].Add(left)
	}
	return costs
}
