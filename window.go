package invoq

import (
	"fmt"
	"time"
)

// WindowSize is the length of a window. Only the three constants are valid.
type WindowSize time.Duration

// The window sizes. Hours and days are sums of five-minute windows.
const (
	Window5m = WindowSize(5 * time.Minute)
	Window1h = WindowSize(time.Hour)
	Window1d = WindowSize(24 * time.Hour)
)

// ParseWindowSize reads 5m, 1h or 1d. Errors are of KindUnprocessable.
func ParseWindowSize(s string) (WindowSize, error) {
	for _, size := range []WindowSize{Window5m, Window1h, Window1d} {
		if s == size.String() {
			return size, nil
		}
	}
	return 0, Errorf(KindUnprocessable, "window %q is not 5m, 1h or 1d", s)
}

// String returns 5m, 1h or 1d.
func (s WindowSize) String() string {
	switch s {
	case Window5m:
		return "5m"
	case Window1h:
		return "1h"
	case Window1d:
		return "1d"
	}
	return time.Duration(s).String()
}

// Duration returns the length of the window.
func (s WindowSize) Duration() time.Duration { return time.Duration(s) }

// Floor returns the start of the window that contains t: the latest multiple
// of the size since 1970 in UTC that is not after t.
func (s WindowSize) Floor(t time.Time) time.Time {
	d := int64(s)
	n := t.UnixNano()
	return time.Unix(0, n-((n%d)+d)%d).UTC()
}

// Ceil returns the earliest window boundary that is not before t.
func (s WindowSize) Ceil(t time.Time) time.Time {
	f := s.Floor(t)
	if f.Equal(t) {
		return f
	}
	return f.Add(s.Duration())
}

// Interval is the half-open time range [Start, End) in UTC.
type Interval struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Validate returns an error of KindUnprocessable unless Start is before End.
func (i Interval) Validate() error {
	if !i.Start.Before(i.End) {
		return Errorf(KindUnprocessable, "interval %s is empty: its start must be before its end", i)
	}
	return nil
}

// Contains reports whether Start ≤ t < End.
func (i Interval) Contains(t time.Time) bool { return !t.Before(i.Start) && t.Before(i.End) }

// Duration returns End − Start.
func (i Interval) Duration() time.Duration { return i.End.Sub(i.Start) }

// String returns the interval in RFC 3339 with its half-open brackets.
func (i Interval) String() string {
	return fmt.Sprintf("[%s, %s)", i.Start.UTC().Format(time.RFC3339), i.End.UTC().Format(time.RFC3339))
}

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
