package pricing

import "time"

// monthStart returns the first instant of the calendar month in the zone; a
// month outside 1 to 12 counts on into other years.
func monthStart(year int, month time.Month, zone *time.Location) time.Time {
	return FirstInstant(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC), zone)
}

// MonthOf returns the calendar month in the zone that contains t, as a period.
func MonthOf(t time.Time, zone *time.Location) Period {
	year, month := monthOf(t, zone)
	return NewMonth(year, month, zone)
}

// monthOf returns the calendar month that contains t: the last one that has
// begun. A clock that is set back over midnight does not bring a month back;
// on a last of December that makes it the month 13.
func monthOf(t time.Time, zone *time.Location) (int, time.Month) {
	year, month, _ := t.In(zone).Date()
	if !monthStart(year, month+1, zone).After(t) {
		month++
	}
	return year, month
}

// FirstInstant returns the first instant at which clocks in the zone read the
// wall time or later. Wall carries its reading in UTC. Where clocks are set
// forward over the reading it is the instant of the change; where they are set
// back and read it twice it is the first time.
func FirstInstant(wall time.Time, zone *time.Location) time.Time {
	// No zone is further than a day from UTC, so two days before no clock
	// reads it yet; then walk over the changes of offset.
	t := wall.Add(-48 * time.Hour).In(zone)
	for {
		_, offset := t.Zone()
		end := offsetEnd(t)
		at := wall.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || at.Before(end) {
			if at.Before(t) {
				at = t // The change of offset jumped over the reading.
			}
			return at.UTC()
		}
		t = end
	}
}

// offsetEnd returns an instant after t up to which the zone keeps its offset;
// zero if it keeps it for good.
func offsetEnd(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	if end.IsZero() || end.After(t) {
		return end
	}
	// Where a rule gives a year's changes, ZoneBounds counts 365 days to its
	// end, so on the last day of a leap year the end lies behind t. No zone
	// changes on that day; go on by the hour.
	return t.Add(time.Hour)
}
