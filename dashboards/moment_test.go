package dashboards

import (
	"testing"
	"time"
)

func TestAgo(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f := func(before time.Duration, text, full string) {
		t.Helper()
		m := ago(now.Add(-before), now, zone)
		if m.Text != text || m.Full != full {
			t.Errorf("%s before now is %q, %q; want %q, %q", before, m.Text, m.Full, text, full)
		}
	}
	f(-time.Minute, "just now", "22 Nov 2026, 17:45 +0545")
	f(59*time.Second, "just now", "22 Nov 2026, 17:44 +0545")
	f(60*time.Second, "1 min ago", "22 Nov 2026, 17:44 +0545")
	f(3*time.Hour, "3 h ago", "22 Nov 2026, 14:45 +0545")
	f(47*time.Hour, "1 d ago", "20 Nov 2026, 18:45 +0545")
	f(40*24*time.Hour, "13 Oct 2026", "13 Oct 2026, 17:45 +0545")
	if m := ago(time.Time{}, now, zone); m != (Moment{}) {
		t.Errorf("never is %+v", m)
	}
}

func TestSpan(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	f := func(start, end, want string) {
		t.Helper()
		read := func(s string) time.Time {
			at, err := time.ParseInLocation(time.DateOnly, s, zone)
			if err != nil {
				t.Fatal(err)
			}
			return at.UTC()
		}
		if got := span(read(start), read(end), zone); got != want {
			t.Errorf("%s to %s is %q, want %q", start, end, got, want)
		}
	}
	f("2026-11-01", "2026-12-01", "1 – 30 Nov 2026")
	f("2026-10-15", "2026-11-15", "15 Oct – 14 Nov 2026")
	f("2026-12-15", "2027-01-15", "15 Dec 2026 – 14 Jan 2027")
	f("2026-11-01", "2026-11-02", "1 Nov 2026")
}
