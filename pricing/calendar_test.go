package pricing

import (
	"testing"
	"time"
	_ "time/tzdata" // the tests' zones, whatever the machine has
)

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestMonthStart: the expected instants are read from the zone database
// (zdump -v), and worked by hand where a clock change falls on a midnight.
func TestMonthStart(t *testing.T) {
	f := func(zone string, year int, month time.Month, want string) {
		t.Helper()
		if got := monthStart(year, month, location(t, zone)); got.Format(time.RFC3339) != want {
			t.Errorf("%d-%02d in %s starts at %s, want %s", year, month, zone, got.Format(time.RFC3339), want)
		}
	}
	f("UTC", 2026, 1, "2026-01-01T00:00:00Z")
	f("UTC", 2026, 13, "2027-01-01T00:00:00Z")
	f("Pacific/Kiritimati", 2026, 1, "2025-12-31T10:00:00Z")
	f("Etc/GMT+12", 2026, 1, "2026-01-01T12:00:00Z")
	f("Asia/Kolkata", 2026, 3, "2026-02-28T18:30:00Z")
	f("Asia/Kathmandu", 2028, 3, "2028-02-29T18:15:00Z")
	f("Australia/Lord_Howe", 2026, 4, "2026-03-31T13:00:00Z")
	f("Europe/Berlin", 2026, 3, "2026-02-28T23:00:00Z")
	f("Europe/Berlin", 2026, 4, "2026-03-31T22:00:00Z")
	// Clocks were set forward from 00:00 to 01:00: there was no midnight.
	f("America/Asuncion", 2017, 10, "2017-10-01T04:00:00Z")
	// Clocks were set back from 01:00 to 00:00: midnight came twice.
	f("America/Havana", 2020, 11, "2020-11-01T04:00:00Z")
	// Clocks were set back at 00:01 to 23:01 of 31 October: one minute of
	// November, then October again. November has begun, once.
	f("America/St_Johns", 2009, 11, "2009-11-01T02:30:00Z")
	// Samoa left out 30 December 2011.
	f("Pacific/Apia", 2012, 1, "2011-12-31T10:00:00Z")
	f("Pacific/Apia", 2011, 12, "2011-12-01T10:00:00Z")
}

func TestMonthOf(t *testing.T) {
	f := func(zone, instant string, year int, month time.Month) {
		t.Helper()
		at, err := time.Parse(time.RFC3339, instant)
		if err != nil {
			t.Fatal(err)
		}
		if y, m := monthOf(at, location(t, zone)); y != year || m != month {
			t.Errorf("%s in %s is in %d-%02d, want %d-%02d", instant, zone, y, m, year, month)
		}
	}
	f("UTC", "2025-12-31T23:59:59Z", 2025, 12)
	f("UTC", "2026-01-01T00:00:00Z", 2026, 1)
	f("Pacific/Kiritimati", "2025-12-31T10:00:00Z", 2026, 1)
	f("Pacific/Kiritimati", "2025-12-31T09:59:59Z", 2025, 12)
	f("America/St_Johns", "2009-11-01T02:29:59Z", 2009, 10)
	f("America/St_Johns", "2009-11-01T02:30:30Z", 2009, 11)
	f("America/St_Johns", "2009-11-01T02:31:00Z", 2009, 11) // Clocks read 23:01 of 31 October.
	f("America/St_Johns", "2009-12-01T03:30:00Z", 2009, 12)
}

// TestMonthsMeet: in every zone the months follow each other without gap or
// overlap, and an instant at either side of a boundary is in the right one.
func TestMonthsMeet(t *testing.T) {
	zones := []string{"UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "Australia/Lord_Howe",
		"America/St_Johns", "America/Havana", "America/Asuncion", "Pacific/Apia", "Africa/Casablanca",
		"Asia/Tehran", "Europe/Berlin", "America/New_York"}
	for _, name := range zones {
		zone := location(t, name)
		for i := range 12 * 60 {
			month := NewMonth(1990, time.Month(i+1), zone)
			wantYear, wantMonth := 1990+i/12, time.Month(i%12+1)
			for _, at := range []time.Time{month.Start, month.End.Add(-1)} {
				if y, m := monthOf(at, zone); y != wantYear || m != wantMonth {
					t.Fatalf("%s in %s is in %d-%02d, want %d-%02d", at, name, y, m, wantYear, wantMonth)
				}
			}
			if !month.UsageFrom().Equal(month.Start) {
				t.Fatalf("usage of %s in %s is needed from %s", month.Interval, name, month.UsageFrom())
			}
		}
	}
}

// TestOffsetEnd: by the zone database; the last is the day on which the
// library's own answer lies in the past.
func TestOffsetEnd(t *testing.T) {
	f := func(zone, instant, want string) {
		t.Helper()
		at, err := time.Parse(time.RFC3339, instant)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if end := offsetEnd(at.In(location(t, zone))); !end.IsZero() {
			got = end.UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("at %s the offset of %s holds until %q, want %q", instant, zone, got, want)
		}
	}
	f("UTC", "2026-01-01T00:00:00Z", "")
	f("Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z")
	f("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z")
	f("Europe/Berlin", "2040-12-31T12:00:00Z", "2040-12-31T13:00:00Z")
}

// TestFirstInstant: by the zone database, at readings that clocks skip, read
// twice, or come back to when they are set back.
func TestFirstInstant(t *testing.T) {
	f := func(zone, wall, want string) {
		t.Helper()
		reading, err := time.Parse("2006-01-02T15:04", wall)
		if err != nil {
			t.Fatal(err)
		}
		if got := FirstInstant(reading, location(t, zone)).Format(time.RFC3339); got != want {
			t.Errorf("clocks of %s read %s from %s, want %s", zone, wall, got, want)
		}
	}
	f("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00:00Z") // skipped
	f("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z") // twice
	f("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00:00Z")
	// Set back at 00:00 to 23:00 of the day before: the old offset never read
	// this midnight.
	f("America/Sao_Paulo", "2018-02-18T00:00", "2018-02-18T03:00:00Z")
	f("America/Sao_Paulo", "2018-02-17T23:00", "2018-02-18T01:00:00Z")
}
