package dashboards

import (
	"fmt"
	"time"

	"invoq/billing"
)

// Moment is an instant as a page shows it. The zero value is no instant.
type Moment struct {
	Text string // short, such as 5 min ago
	Full string // with date and zone
	ISO  string // RFC 3339, for machines
}

// at shows an instant in a zone.
func at(t time.Time, zone *time.Location) Moment {
	if t.IsZero() {
		return Moment{}
	}
	full := t.In(zone).Format("2 Jan 2006, 15:04 MST")
	return Moment{Text: full, Full: full, ISO: t.UTC().Format(time.RFC3339)}
}

// ago shows how long before now an instant was.
func ago(t, now time.Time, zone *time.Location) Moment {
	if t.After(now) {
		t = now // A window says when it ends, which may be to come.
	}
	m := at(t, zone)
	if t.IsZero() {
		return m
	}
	switch d := now.Sub(t); {
	case d < time.Minute:
		m.Text = "just now"
	case d < time.Hour:
		m.Text = fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 24*time.Hour:
		m.Text = fmt.Sprintf("%d h ago", d/time.Hour)
	case d < 30*24*time.Hour:
		m.Text = fmt.Sprintf("%d d ago", d/(24*time.Hour))
	default:
		m.Text = t.In(zone).Format("2 Jan 2006")
	}
	return m
}

// zoneOf returns the month's zone; UTC where the tenant's cannot be read, which
// is then the month's problem.
func zoneOf(m *billing.Month) *time.Location {
	zone, err := m.Tenant.Location()
	if err != nil {
		return time.UTC
	}
	return zone
}

// shortDay turns 2006-01-02 into 2 Jan.
func shortDay(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("2 Jan")
}

// span names a period by the days it covers: 1 – 30 Nov 2026. The end does not
// belong to it.
func span(start, end time.Time, zone *time.Location) string {
	first, last := start.In(zone), end.Add(-time.Nanosecond).In(zone)
	switch {
	case first.Year() != last.Year():
		return first.Format("2 Jan 2006") + " – " + last.Format("2 Jan 2006")
	case first.Month() != last.Month():
		return first.Format("2 Jan") + " – " + last.Format("2 Jan 2006")
	case first.Day() != last.Day():
		return first.Format("2") + " – " + last.Format("2 Jan 2006")
	}
	return first.Format("2 Jan 2006")
}
