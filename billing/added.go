package billing

import (
	"context"
	"fmt"

	"invoq"
	"invoq/pricing"
)

// Added returns what one service's usage of a period adds to what the tenant has
// used of the month before it, while nobody else uses anything; prices are those
// in force when the period begins. Errors are those of Preview.
func (b *Biller) Added(
	ctx context.Context, t invoq.Tenant, p pricing.Period, service invoq.Service,
) (invoq.Decimal, error) {
	var none invoq.Decimal
	terms, err := b.Terms(ctx, t, p, p.Start)
	if err != nil {
		return none, err
	}
	parts := []part{{Interval: terms.Period.Interval, sheet: terms.Sheet}}
	all, err := b.usedUntil(ctx, t, p, parts, p.End)
	if err != nil {
		return none, err
	}
	price := func(items []pricing.Item) (invoq.Decimal, error) {
		st, err := terms.Sheet.Price(terms.Period, items)
		if err != nil {
			return none, fmt.Errorf("price service %q of tenant %q: %w", service.Name, t.Name, err)
		}
		return st.Total, nil
	}
	before, err := price(terms.Used)
	if err != nil {
		return none, err
	}
	// A new slice: more must not be written behind what was used before.
	items := append([]pricing.Item(nil), terms.Used...)
	for _, i := range between(all, p.Start, p.End) {
		s := i.Source
		if s != nil && s.Service == service.Name && s.Namespace == service.Namespace {
			items = append(items, i)
		}
	}
	after, err := price(items)
	return after.Sub(before), err
}
