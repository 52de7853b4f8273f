package cost

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"invoq"
	"invoq/pricing"
)

// book prices the usage so far with any part of a path after it.
type book struct {
	in       Input
	cuts     []time.Time // instants at which a price may change, ascending
	used     []pricing.Item
	unitCost map[invoq.Meter]invoq.Decimal // what one unit cost the owner so far
	paths    [][][]float64                 // series, path, step
	parts    [][]part                      // of each series
}

func newBook(in Input) (*book, error) {
	cuts, err := in.Sheet.Cuts(in.Period)
	if err != nil {
		return nil, fmt.Errorf("look ahead in %s: %w", in.Period.Interval, err)
	}
	b := &book{in: in, cuts: cuts}
	b.used = b.gather(in.Used)
	b.setUnitCost()
	seeds := make(map[*pricing.Source]uint64)
	for _, s := range in.Ahead {
		// One seed a source: its meters draw the same luck.
		if _, ok := seeds[s.Source]; !ok {
			seeds[s.Source] = in.Seed + uint64(len(seeds))
		}
		b.paths = append(b.paths, s.Forecast.Paths(in.paths(), seeds[s.Source]))
		b.parts = append(b.parts, b.partsOf(s))
	}
	return b, nil
}

// usageKey is what usage may be summed by without changing its price.
type usageKey struct {
	meter  invoq.Meter
	source *pricing.Source
	cut    int // the segment begins at cuts[cut]
}

// gather sums items between two cuts. Items that know their calls stay as they
// are: each call may be rounded.
func (b *book) gather(items []pricing.Item) []pricing.Item {
	var out []pricing.Item
	at := make(map[usageKey]int)
	for _, it := range items {
		cut, inside := b.segment(it.Start)
		if !inside || it.Calls != nil || it.End.After(b.cuts[cut+1]) {
			out = append(out, it) // Price knows what to say about it
			continue
		}
		key := usageKey{it.Meter, it.Source, cut}
		i, ok := at[key]
		if !ok {
			at[key] = len(out)
			it.Interval = invoq.Interval{Start: b.cuts[cut], End: b.cuts[cut+1]}
			out = append(out, it)
			continue
		}
		out[i].Quantity = out[i].Quantity.Add(it.Quantity)
		out[i].Cost = plus(out[i].Cost, it.Cost)
	}
	return out
}

// plus adds two costs; one that is not known makes the sum unknown.
func plus(a, b *invoq.Decimal) *invoq.Decimal {
	if a == nil || b == nil {
		return nil
	}
	sum := a.Add(*b)
	return &sum
}

// segment returns the last cut at or before t, unless t lies outside all.
func (b *book) segment(t time.Time) (cut int, inside bool) {
	i, found := slices.BinarySearchFunc(b.cuts, t, time.Time.Compare)
	if !found {
		i--
	}
	return i, i >= 0 && i+1 < len(b.cuts)
}

// costPlaces is to how many decimal places a unit's cost is worked out.
const costPlaces = 18

// setUnitCost works out what a unit of each meter cost the owner so far: rates
// that are made of real cost need one for what is yet to come.
func (b *book) setUnitCost() {
	quantity := make(map[invoq.Meter]invoq.Decimal)
	b.unitCost = make(map[invoq.Meter]invoq.Decimal)
	for _, it := range b.used {
		if it.Cost == nil {
			continue
		}
		quantity[it.Meter] = quantity[it.Meter].Add(it.Quantity)
		b.unitCost[it.Meter] = b.unitCost[it.Meter].Add(*it.Cost)
	}
	for meter, sum := range b.unitCost {
		if quantity[meter].Sign() <= 0 {
			delete(b.unitCost, meter)
			continue
		}
		b.unitCost[meter] = sum.Quo(quantity[meter], costPlaces)
	}
}

// price prices the usage so far and more.
func (b *book) price(more []pricing.Item) (pricing.Statement, error) {
	return b.in.Sheet.Price(b.in.Period, slices.Concat(b.used, more))
}

// part is what of a step lies in one segment. All paths share them.
type part struct {
	step, cut  int
	start, end int64   // Unix nanoseconds
	share      float64 // of the step's value
}

// partsOf splits the steps of a forecast where prices change, by time; what lies
// outside the cuts is left out.
func (b *book) partsOf(s Series) []part {
	var parts []part
	for step := range s.Forecast.Mean {
		at := s.Start.Add(time.Duration(step) * s.Step)
		end := at.Add(s.Step)
		for at.Before(end) {
			cut, inside := b.segment(at)
			next := end
			if cut+1 < len(b.cuts) && b.cuts[cut+1].Before(next) {
				next = b.cuts[cut+1]
			}
			if inside {
				parts = append(parts, part{
					step: step, cut: cut, start: at.UnixNano(), end: next.UnixNano(),
					share: float64(next.Sub(at)) / float64(s.Step),
				})
			}
			at = next
		}
	}
	return parts
}

// until returns the usage of a path from its start up to an instant.
func (b *book) until(path int, end time.Time) ([]pricing.Item, error) {
	var items []pricing.Item
	sums, last := make([]float64, len(b.cuts)), end.UnixNano()
	for i, s := range b.in.Ahead {
		clear(sums)
		values := b.paths[i][path]
		for _, p := range b.parts[i] {
			switch {
			case p.end <= last:
				sums[p.cut] += values[p.step] * p.share
			case p.start < last:
				sums[p.cut] += values[p.step] * p.share * float64(last-p.start) / float64(p.end-p.start)
			}
		}
		for cut, sum := range sums {
			if sum == 0 {
				continue
			}
			it, err := b.item(s, cut, sum)
			if err != nil {
				return nil, err
			}
			items = append(items, it)
		}
	}
	return items, nil
}

// quantityPlaces is to how many decimal places a forecast quantity is taken.
const quantityPlaces = 9

func (b *book) item(s Series, cut int, quantity float64) (pricing.Item, error) {
	q, err := invoq.ParseDecimal(strconv.FormatFloat(quantity, 'f', quantityPlaces, 64))
	if err != nil {
		return pricing.Item{}, fmt.Errorf("forecast of meter %q: %w", s.Meter, err)
	}
	it := pricing.Item{
		Interval: invoq.Interval{Start: b.cuts[cut], End: b.cuts[cut+1]},
		Source:   s.Source, Meter: s.Meter, Quantity: q,
	}
	if unit, ok := b.unitCost[s.Meter]; ok {
		c := unit.Mul(q)
		it.Cost = &c
	}
	return it, nil
}

// future is one path and what the whole period costs with it.
type future struct {
	path int
	cost invoq.Decimal
}

// futures prices every path, and returns the statement of the first.
func (b *book) futures(n int) ([]future, pricing.Statement, error) {
	all := make([]future, n)
	var first pricing.Statement
	for i := range all {
		st, err := b.priceUntil(i, b.in.Period.End)
		if err != nil {
			return nil, first, fmt.Errorf("price a future: %w", err)
		}
		if i == 0 {
			first = st
		}
		all[i] = future{path: i, cost: st.Total}
	}
	return all, first, nil
}

func (b *book) priceUntil(path int, end time.Time) (pricing.Statement, error) {
	items, err := b.until(path, end)
	if err != nil {
		return pricing.Statement{}, err
	}
	return b.price(items)
}
