package billing

import (
	"context"
	"slices"
	"time"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// Overview is where all tenants stand at one instant.
type Overview struct {
	// At is the instant: today and the month to date are those that contain it
	// in each tenant's zone.
	At time.Time
	// Counted is how far usage had been aggregated; zero before the first run.
	Counted time.Time
	// Tenants are all there are, by name. They are shared: do not change them.
	Tenants []Standing
	// Currencies are the sums, that of the most tenants first.
	Currencies []*CurrencyTotal
}

// Standing is where one tenant stands.
type Standing struct {
	Month
	// LastUse is the end of the last five minutes with an invocation; zero where
	// there was none.
	LastUse time.Time
}

// OverviewDatabase is what an overview is made from.
type OverviewDatabase interface {
	Mark(ctx context.Context, s invoq.Scope) (postgres.Mark, error)
	ListTenants(ctx context.Context, s invoq.Scope, p invoq.Page) ([]invoq.Tenant, error)
	PlanBook(ctx context.Context, s invoq.Scope) (postgres.PlanBook, error)
	SumSpans(ctx context.Context, s invoq.Scope, spans []postgres.Span) ([][]invoq.Usage, error)
	SumUsageByDays(
		ctx context.Context, s invoq.Scope, asked []postgres.Days,
	) (map[invoq.TenantID][]postgres.DayUsage, error)
	LastUses(ctx context.Context, s invoq.Scope, tenant invoq.TenantID) (map[invoq.TenantID]time.Time, error)
}

// reloadAfter is after how long even days that are long closed are read again.
const reloadAfter = 24 * time.Hour

// card is the usage of one tenant's month, as far as it was read.
type card struct {
	month pricing.Period
	days  []postgres.DayUsage
	// closed is how many of the month's first days were not read again.
	closed int
}

// collector makes overviews. It keeps the month's usage between them, since
// windows older than the lateness are closed: only later days are read again.
type collector struct {
	db       OverviewDatabase
	lateness time.Duration

	cards  map[invoq.TenantID]*card
	last   map[invoq.TenantID]*Month // of the overview made before
	mark   postgres.Mark             // when usage was last read
	loaded time.Time                 // when all of it was last read
}

// collect makes the overview of an instant. Mark must be older than the read.
func (c *collector) collect(ctx context.Context, mark postgres.Mark, now time.Time) (*Overview, error) {
	tenants, err := readAll(ctx, c.db.ListTenants, func(t invoq.Tenant) string { return string(t.Name) })
	if err != nil {
		return nil, err
	}
	book, err := c.db.PlanBook(ctx, invoq.Everyone())
	if err != nil {
		return nil, err
	}
	if err := c.read(ctx, tenants, mark, now); err != nil {
		return nil, err
	}
	// What was priced before goes with what was read before: if this overview
	// fails, the next one prices every day again.
	before := c.last
	c.last = nil
	uses, err := c.db.LastUses(ctx, invoq.Everyone(), "")
	if err != nil {
		return nil, err
	}
	all := make([]Standing, len(tenants))
	maker := monthMaker{agreement: agreement{newShelf(book), newSheets()}, db: c.db, scope: invoq.Everyone()}
	last := make(map[invoq.TenantID]*Month, len(tenants))
	for i, t := range tenants {
		s := &all[i]
		if s.Month, err = c.price(ctx, maker, t, before[t.ID], now); err != nil {
			return nil, err
		}
		s.LastUse, last[t.ID] = uses[t.ID], &s.Month
	}
	c.last = last
	return NewOverview(now, mark.Until, all), nil
}

// price prices one tenant's month. A zone that is none is that tenant's problem
// and not everybody's.
func (c *collector) price(
	ctx context.Context, maker monthMaker, t invoq.Tenant, last *Month, now time.Time,
) (Month, error) {
	known := c.cards[t.ID]
	if known == nil {
		_, err := t.Location()
		return Month{Tenant: t, Problem: invoq.MessageOf(err)}, nil
	}
	used := monthUsage{period: known.month, usage: known.days}
	if last != nil && known.closed <= len(last.Days) {
		used.known, used.knownBy = last.Days[:known.closed:known.closed], last.Bill.Parts
	}
	return maker.month(ctx, t, used, now)
}

// read brings the cards up to date, or leaves them all as they were.
func (c *collector) read(ctx context.Context, tenants []invoq.Tenant, mark postgres.Mark, now time.Time) error {
	loaded := c.loaded
	whole := c.mark.Until.IsZero() || c.mark.Tags != mark.Tags || c.mark.Recounts != mark.Recounts ||
		now.Sub(c.loaded) >= reloadAfter
	if whole {
		loaded = now
	}
	cards := make(map[invoq.TenantID]*card, len(tenants))
	var asked []postgres.Days
	for _, t := range tenants {
		month, err := monthAt(t, now)
		if err != nil {
			continue // It has no card; see price.
		}
		known := &card{month: month}
		from := month.Start
		if old := c.cards[t.ID]; !whole && old != nil && old.covers(month) {
			from = c.openFrom(month)
			local := from.In(month.Zone)
			known.days, known.closed = closedBefore(old.days, local.Format(time.DateOnly)), local.Day()-1
		}
		cards[t.ID] = known
		asked = append(asked, postgres.Days{
			Tenant: t.ID, Zone: month.Zone, Interval: invoq.Interval{Start: from, End: month.End},
		})
	}
	usage, err := c.db.SumUsageByDays(ctx, invoq.Everyone(), asked)
	if err != nil {
		return err
	}
	for id, days := range usage {
		cards[id].days = append(cards[id].days, days...)
	}
	c.cards, c.mark, c.loaded = cards, mark, loaded
	return nil
}

// covers reports whether the card is of the month.
func (k *card) covers(month pricing.Period) bool {
	return k.month.Zone.String() == month.Zone.String() && k.month.Start.Equal(month.Start)
}

// openFrom returns the start of the first day of the month that may have
// changed since usage was last read.
func (c *collector) openFrom(month pricing.Period) time.Time {
	open := c.mark.Until.Add(-c.lateness).In(month.Zone)
	if !open.After(month.Start) {
		return month.Start
	}
	return dayOf(open.Year(), open.Month(), open.Day(), month.Zone).Start
}

// closedBefore returns the days before the one named. Appending to them leaves
// the others as they were.
func closedBefore(days []postgres.DayUsage, first string) []postgres.DayUsage {
	n, _ := slices.BinarySearchFunc(days, first, func(d postgres.DayUsage, day string) int {
		switch {
		case d.Day < day:
			return -1
		case d.Day > day:
			return 1
		}
		return 0
	})
	return days[:n:n]
}

// readAll reads a whole list, page by page.
func readAll[T any](
	ctx context.Context, list func(context.Context, invoq.Scope, invoq.Page) ([]T, error), key func(T) string,
) ([]T, error) {
	var all []T
	page := invoq.Page{Limit: invoq.MaxPageSize}
	for {
		some, err := list(ctx, invoq.Everyone(), page)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < page.Limit {
			return all, nil
		}
		page.After = key(some[len(some)-1])
	}
}
