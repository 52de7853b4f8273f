package invoq

import "time"

// Date is a calendar day as 2006-01-02, without a zone: it begins at midnight
// of whoever's calendar is asked. The empty date is none. Dates compare as
// strings do.
type Date string

// ParseDate reads 2006-01-02. Errors are of KindUnprocessable.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return "", Errorf(KindUnprocessable, "%q is not a day such as 2026-03-01", s)
	}
	return Date(s), nil
}

// DateOf returns the day that the zone's calendar shows at an instant.
func DateOf(t time.Time, zone *time.Location) Date { return Date(t.In(zone).Format(time.DateOnly)) }

// Wall returns midnight of the day as a reading of a clock, carried in UTC; the
// zero time for no date or none that can be read.
func (d Date) Wall() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}
