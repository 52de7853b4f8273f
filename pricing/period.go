package pricing

import (
	"time"

	"invoq"
)

// Limits of a period: they bound the work of one call and keep instants where
// nanoseconds since 1970 fit an int64.
const (
	MaxPeriodMonths = 120
	minYear         = 1971
	maxYear         = 2200
)

// Period is what is priced: a half-open interval, and the zone whose calendar
// cuts it into months, days and hours. The zero value is invalid.
type Period struct {
	invoq.Interval
	Zone *time.Location
}

// NewMonth returns the calendar month in the zone as a period.
func NewMonth(year int, month time.Month, zone *time.Location) Period {
	return Period{
		Interval: invoq.Interval{
			Start: monthStart(year, month, zone),
			End:   monthStart(year, month+1, zone),
		},
		Zone: zone,
	}
}

// UsageFrom returns the instant from which Price needs usage: the start of the
// calendar month in which the period begins. What lies between it and the
// start of the period is not billed, but it has used up free units and filled
// tiers. The period needs its zone.
func (p Period) UsageFrom() time.Time {
	year, month := monthOf(p.Start, p.Zone)
	return monthStart(year, month, p.Zone)
}

// Validate returns an error of KindUnprocessable for a period that cannot be
// priced: no zone, empty, too long or too far away.
func (p Period) Validate() error {
	if p.Zone == nil {
		return invoq.Errorf(invoq.KindUnprocessable, "period %s has no time zone", p.Interval)
	}
	if err := p.Interval.Validate(); err != nil {
		return err
	}
	if p.Start.Year() < minYear || p.End.Year() > maxYear {
		return invoq.Errorf(invoq.KindUnprocessable,
			"period %s is not within the years %d to %d", p.Interval, minYear, maxYear)
	}
	if p.End.After(p.Start.AddDate(0, MaxPeriodMonths, 0)) {
		return invoq.Errorf(invoq.KindUnprocessable,
			"period %s is longer than %d months", p.Interval, MaxPeriodMonths)
	}
	return nil
}

// stretch is the part of one calendar month up to the end of the period.
type stretch struct {
	label string         // 2006-01 in the zone
	month invoq.Interval // the whole month
	from  time.Time      // where the period enters the month
	to    time.Time      // where the period leaves it
}

// closed reports whether the period holds the end of the month.
func (s stretch) closed() bool { return s.to.Equal(s.month.End) }

// stretches cuts a valid period at the months of its zone.
func (p Period) stretches() []stretch {
	var all []stretch
	year, month := monthOf(p.Start, p.Zone)
	for from := p.Start; from.Before(p.End); month++ {
		whole := NewMonth(year, month, p.Zone).Interval
		s := stretch{
			label: time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Format("2006-01"),
			month: whole,
			from:  from,
			to:    earlier(whole.End, p.End),
		}
		all = append(all, s)
		from = s.to
	}
	return all
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
