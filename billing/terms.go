package billing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// Terms are what prices the rest of a period that has begun.
type Terms struct {
	// Sheet prices Period: the part of the period asked for in which the present
	// version of the plan holds.
	Sheet  *pricing.Sheet
	Period pricing.Period
	// Used is the usage from Period.UsageFrom until the instant asked for.
	Used []pricing.Item
	// Before is what the parts before Period cost, under other versions.
	Before invoq.Decimal
	// Warnings say what the terms do not foresee.
	Warnings []string
}

// Terms returns what prices a tenant's period from an instant in it on, with
// what was used before. Errors are those of Preview.
func (b *Biller) Terms(
	ctx context.Context, t invoq.Tenant, p pricing.Period, from time.Time,
) (Terms, error) {
	if err := validate(p); err != nil {
		return Terms{}, err
	}
	parts, err := agreement{b.db, newSheets()}.parts(ctx, t, p)
	if err != nil {
		return Terms{}, err
	}
	var terms Terms
	now := len(partsUntil(parts, from.Add(1))) - 1
	if now < 0 {
		return Terms{}, invoq.Errorf(invoq.KindUnprocessable, "%s is before the period %s",
			from.UTC().Format(time.RFC3339), p.Interval)
	}
	if now+1 < len(parts) {
		terms.Warnings = append(terms.Warnings, fmt.Sprintf(
			"prices change at %s; what comes after is priced as now",
			parts[now+1].Start.UTC().Format(time.RFC3339)))
	}
	parts = slices.Clone(parts[:now+1])
	parts[now].End = p.End
	terms.Sheet = parts[now].sheet
	terms.Period = pricing.Period{Interval: parts[now].Interval, Zone: p.Zone}
	items, err := b.usedUntil(ctx, t, p, parts, from)
	if err != nil {
		return Terms{}, err
	}
	if now > 0 {
		st, err := priceParts(parts[:now], p.Zone, items)
		if err != nil {
			return Terms{}, fmt.Errorf("price tenant %q: %w", t.Name, err)
		}
		terms.Before = st.total
	}
	terms.Used = between(items, terms.Period.UsageFrom(), from)
	return terms, nil
}

// usedUntil returns what was used of a period until an instant, cut where prices
// change.
func (b *Biller) usedUntil(
	ctx context.Context, t invoq.Tenant, p pricing.Period, parts []part, until time.Time,
) ([]pricing.Item, error) {
	a, err := newAccount(t, p, parts)
	if err != nil {
		return nil, err
	}
	var spans []postgres.Span
	for _, s := range a.spans {
		if !s.Interval.Start.Before(until) {
			break
		}
		if s.Interval.End.After(until) {
			s.Interval.End = until
		}
		spans = append(spans, s)
	}
	if len(spans) == 0 {
		return nil, nil
	}
	a.spans = spans
	usage, err := b.db.SumSpans(ctx, invoq.Only(t.ID), a.spans)
	if err != nil {
		return nil, err
	}
	items, _ := a.items(usage)
	return items, nil
}

// Cost returns what a tenant's usage of a period comes to, without corrections
// of other bills. Errors are those of Preview.
func (b *Biller) Cost(ctx context.Context, t invoq.Tenant, p pricing.Period) (invoq.Decimal, error) {
	var none invoq.Decimal
	if err := validate(p); err != nil {
		return none, err
	}
	parts, err := agreement{b.db, newSheets()}.parts(ctx, t, p)
	if err != nil {
		return none, err
	}
	items, err := b.usedUntil(ctx, t, p, parts, p.End)
	if err != nil {
		return none, err
	}
	st, err := priceParts(parts, p.Zone, items)
	return st.total, err
}
