package pricingtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"invoq"
	"invoq/pricing"
)

// loading is the head of a load command: the grid its series lie on.
type loading struct {
	step  time.Duration
	each  bool // values are the usage of a window, not a counter's readings
	start time.Time
}

// parseLoad reads STEP [each] from TIME [in ZONE].
func parseLoad(args []string) (loading, error) {
	w := words{all: args}
	d, err := step(w.next())
	if err != nil {
		return loading{}, err
	}
	l := loading{step: d, each: w.accept("each")}
	w.expect("from")
	at := w.next()
	loc := time.UTC
	if w.accept("in") {
		if loc, err = zone(w.next()); err != nil {
			return loading{}, err
		}
	}
	if err := w.finish(); err != nil {
		return loading{}, err
	}
	l.start, err = instant(at, loc)
	return l, err
}

// series reads METER{labels} VALUES [cost C [per N]] and returns the tenant and
// its items. The meter "calls" stands for single calls, see expandCalls.
func (l loading) series(text string) (tenant string, items []pricing.Item, err error) {
	name, labels, rest, err := labelled(text)
	if err != nil {
		return "", nil, err
	}
	if name != "calls" && !known(meter(name)) {
		return "", nil, fmt.Errorf("%q is no meter; they are calls, requests, %v and %v",
			name, invoq.Meters(), invoq.ResourceMeters())
	}
	values, more := splitAt(strings.Fields(rest), "cost", "of")
	samples, err := seriesValues(values)
	if err != nil {
		return "", nil, err
	}
	tenant, source := sourceOf(labels)
	if l.each {
		items = l.windows(samples)
	} else if items, err = l.growth(samples); err != nil {
		return "", nil, err
	}
	for i := range items {
		items[i].Source = source
		items[i].Meter = meter(name)
	}
	w := words{all: more}
	switch {
	case name == "calls":
		items = expandCalls(&w, items)
	case w.accept("cost"):
		addCosts(&w, items)
	}
	return tenant, items, w.finish()
}

// known reports whether there is such a meter: usage of another would be unpriced,
// and a slip of the pen look like a missing price.
func known(m invoq.Meter) bool {
	return slices.Contains(invoq.Meters(), m) || slices.Contains(invoq.ResourceMeters(), m)
}

// splitAt cuts words before the first that is one of the marks.
func splitAt(all []string, marks ...string) (before, from []string) {
	for i, word := range all {
		if slices.Contains(marks, word) {
			return all[:i], all[i:]
		}
	}
	return all, nil
}

// addCosts reads C [per N] and gives each item its real cost.
func addCosts(w *words, items []pricing.Item) {
	price, per := w.number(), invoq.NewDecimal(1, 0)
	if w.accept("per") {
		per = w.number()
	}
	if w.err != nil {
		return
	}
	if per.Sign() <= 0 {
		w.fail("a cost per %s", per)
		return
	}
	each := price.Quo(per, invoq.MaxPricePlaces)
	if each.Mul(per).Cmp(price) != 0 {
		w.fail("a cost of %s per %s is not exact", price, per)
	}
	for i := range items {
		cost := items[i].Quantity.Mul(each)
		items[i].Cost = &cost
	}
}

// expandCalls reads "of 120ms 1536MB [2cpu]" and makes of each count of calls
// the items of the meters that such calls have.
func expandCalls(w *words, counts []pricing.Item) []pricing.Item {
	w.expect("of")
	each := pricing.Calls{DurationMs: w.unit("ms"), MemoryMB: w.unit("MB")}
	meters := []invoq.Meter{invoq.Invocations, invoq.DurationMs, invoq.MBMs}
	if w.err == nil && w.peek() != "" {
		each.CPUs = w.unit("cpu")
		meters = append(meters, invoq.CPUMs)
	}
	var items []pricing.Item
	for _, count := range counts {
		calls := each
		calls.Count = count.Quantity
		for _, m := range meters {
			item := count
			item.Meter, item.Calls = m, &calls
			if q, ok := calls.Quantity(m); ok {
				item.Quantity = q
			}
			items = append(items, item)
		}
	}
	return items
}

// windows takes value i as the usage of window i.
func (l loading) windows(samples []sample) []pricing.Item {
	var items []pricing.Item
	for i, s := range samples {
		if !s.absent {
			items = append(items, l.item(i, i+1, s.value))
		}
	}
	return items
}

// growth takes value i as the reading of a counter at the start of window i,
// so that a window's usage is what the counter grew in it.
func (l loading) growth(samples []sample) ([]pricing.Item, error) {
	var items []pricing.Item
	last := -1
	for i, s := range samples {
		if s.absent {
			continue
		}
		if last >= 0 {
			grown := s.value.Sub(samples[last].value)
			if grown.Sign() < 0 {
				return nil, fmt.Errorf(
					"the counter falls from %s to %s; a restart needs a load of its own",
					samples[last].value, s.value)
			}
			items = append(items, l.item(last, i, grown))
		}
		last = i
	}
	return items, nil
}

// item is usage from one reading of the grid to another.
func (l loading) item(from, to int, quantity invoq.Decimal) pricing.Item {
	return pricing.Item{
		Interval: invoq.Interval{
			Start: l.start.Add(time.Duration(from) * l.step),
			End:   l.start.Add(time.Duration(to) * l.step),
		},
		Quantity: quantity,
	}
}

// sourceOf takes tenant, namespace, service and revision out of the labels;
// what is left are tags.
func sourceOf(labels map[string]string) (tenant string, source *pricing.Source) {
	tags := maps.Clone(labels)
	take := func(name string) string {
		value := tags[name]
		delete(tags, name)
		return value
	}
	if tenant = take("tenant"); tenant == "" {
		tenant = string(invoq.DefaultTenant)
	}
	return tenant, &pricing.Source{
		Namespace: take("namespace"), Service: take("service"), Revision: take("revision"),
		Tags: tags,
	}
}
