package pricing

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
)

func cutsOf(t *testing.T, plan invoq.Plan, p Period) []string {
	t.Helper()
	s, err := Compile(plan)
	if err != nil {
		t.Fatal(err)
	}
	cuts, err := s.Cuts(p)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range cuts {
		if c.Location() != time.UTC {
			t.Errorf("cut %s is not in UTC", c)
		}
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(c.Format(time.RFC3339Nano), "2026-"), ":00Z"))
	}
	return all
}

// TestCuts: months, the start of the period, and the edges of windows. The
// clocks of Berlin jump from 02:00 to 03:00 on 29 March 2026, 01:00 UTC.
func TestCuts(t *testing.T) {
	berlin := location(t, "Europe/Berlin")
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	p := Period{Zone: berlin, Interval: invoq.Interval{
		Start: at("2026-03-29T12:00:00Z"), End: at("2026-04-02T00:00:00Z")}}
	flat := invoq.Plan{Name: "p", Currency: "EUR", Rates: []invoq.Rate{{Meter: invoq.Errors}}}
	want := []string{"02-28T23:00", "03-29T12:00", "03-31T22:00", "04-02T00:00"}
	if diff := cmp.Diff(want, cutsOf(t, flat, p)); diff != "" {
		t.Errorf("cuts (-want +got):\n%s", diff)
	}
	hours := flat
	hours.Rates = append(hours.Rates, invoq.Rate{Meter: invoq.Invocations, Kind: invoq.RateTimeOfDay,
		Windows: []invoq.PriceWindow{{Name: "sunday", Days: []string{"sun"}, From: "00:00", To: "24:00"}}})
	p.Start, p.End = at("2026-03-27T23:00:00Z"), at("2026-03-31T22:00:00Z")
	want = []string{"02-28T23:00", "03-01T23:00", "03-07T23:00", "03-08T23:00", "03-14T23:00", "03-15T23:00",
		"03-21T23:00", "03-22T23:00", "03-27T23:00", "03-28T23:00", "03-29T22:00", "03-31T22:00"}
	if diff := cmp.Diff(want, cutsOf(t, hours, p)); diff != "" {
		t.Errorf("cuts of sundays (-want +got):\n%s", diff)
	}
	// From any instant the windows are left at their own edges, and where the
	// price does not change there is no cut.
	hours.Rates[1].Windows = []invoq.PriceWindow{{Name: "night", From: "00:00", To: "06:45"}}
	p.Start, p.End, p.Zone = at("2026-01-30T10:20:30.000000007Z"), at("2026-01-31T12:00:00Z"), time.UTC
	got := cutsOf(t, hours, p)
	want = []string{"01-29T06:45", "01-30T00:00", "01-30T06:45", "01-30T10:20:30.000000007Z",
		"01-31T00:00", "01-31T06:45", "01-31T12:00"}
	if diff := cmp.Diff(want, got[len(got)-7:]); diff != "" {
		t.Errorf("cuts of nights (-want +got):\n%s", diff)
	}
	hours.Rates[1].Windows = []invoq.PriceWindow{{Name: "always", From: "00:00", To: "24:00"}}
	want = []string{"01-01T00:00", "01-30T10:20:30.000000007Z", "01-31T12:00"}
	if diff := cmp.Diff(want, cutsOf(t, hours, p)); diff != "" {
		t.Errorf("cuts of one price (-want +got):\n%s", diff)
	}
	s, err := Compile(hours)
	if err != nil {
		t.Fatal(err)
	}
	if s.Plan().Name != "p" {
		t.Errorf("plan %q", s.Plan().Name)
	}
	if _, err := s.Cuts(Period{}); invoq.KindOf(err) != invoq.KindUnprocessable {
		t.Errorf("cuts of no period: %v", err)
	}
}

// TestBands: a week of windows, cut at its edges.
func TestBands(t *testing.T) {
	f := func(want []band, windows ...invoq.PriceWindow) {
		t.Helper()
		got, err := bandsOf(windows)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(band{})); diff != "" {
			t.Errorf("bands (-want +got):\n%s", diff)
		}
	}
	f([]band{{0, 10080, 0}})
	f([]band{{0, 7920, 1}, {7920, 9360, 0}, {9360, 10080, 1}}, // A day from noon to noon.
		invoq.PriceWindow{Days: []string{"fri"}, From: "12:00", To: "12:00"})
	f([]band{{0, 60, 0}, {60, 9960, 1}, {9960, 10080, 0}},
		invoq.PriceWindow{Days: []string{"sat"}, From: "22:00", To: "01:00"})
	f([]band{{0, 1440, 2}, {1440, 2160, 1}, {2160, 2880, 0}, {2880, 10080, 2}},
		invoq.PriceWindow{Days: []string{"mon"}, From: "12:00", To: "00:00"},
		invoq.PriceWindow{Days: []string{"mon"}, From: "00:00", To: "12:00"})
}

// TestPriceRefuses: periods and items that cannot be priced, and why.
func TestPriceRefuses(t *testing.T) {
	plan := invoq.Plan{Name: "p", Currency: "USD", Rates: []invoq.Rate{{Meter: invoq.Errors, Price: d("1")}}}
	f := func(p Period, want string, usage ...Item) {
		t.Helper()
		_, err := Price(plan, p, usage)
		if invoq.KindOf(err) != invoq.KindUnprocessable || !strings.Contains(invoq.MessageOf(err), want) {
			t.Errorf("error %v of kind %q, want %q", err, invoq.KindOf(err), want)
		}
	}
	span := func(start, end time.Time) Period {
		return Period{Zone: time.UTC, Interval: invoq.Interval{Start: start, End: end}}
	}
	date := func(year, month int) time.Time { return time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC) }
	f(Period{Interval: january.Interval}, "has no time zone")
	f(span(january.End, january.Start), "is empty")
	f(span(january.Start, january.Start), "is empty")
	f(span(date(1970, 12), date(1971, 2)), "not within the years 1971 to 2200")
	f(span(date(2200, 12), date(2201, 1)), "not within the years 1971 to 2200")
	f(span(date(2000, 1), date(2010, 1).Add(1)), "longer than 120 months")
	item := func(start, end time.Time) Item {
		i := used1(invoq.Errors, "1")
		i.Start, i.End = start, end
		return i
	}
	hour := january.Start.Add(time.Hour)
	outside := "item 0 of \"errors\" at "
	f(january, outside, item(january.Start.Add(-1), time.Time{}))
	f(january, outside, item(january.End, time.Time{}))
	f(january, "at 2026-02-28T15:00:00Z is outside the priced time [2026-01-01T00:00:00Z, 2026-02-01T00:00:00Z)",
		item(time.Date(2026, 3, 1, 0, 0, 0, 0, location(t, "Asia/Tokyo")), time.Time{}))
	f(january, outside, item(time.Time{}, time.Time{}))
	f(january, outside, item(date(-5000, 1), time.Time{}))
	f(january, outside, item(date(9000, 1), time.Time{}))
	// 2^64 nanoseconds later or earlier an int64 of nanoseconds reads the same.
	f(january, outside, item(time.Unix(hour.Unix()+18446744073, 709551616), time.Time{}))
	f(january, outside, item(time.Unix(hour.Unix()-18446744073, -709551616), time.Time{}))
	f(january, "reaches over 2026-02-01T00:00:00Z", item(hour, january.End.Add(1)))
	f(january, "item 1 of \"errors\" from 2026-01-01T01:00:00Z to 2026-02-01T00:00:00.000000001Z reaches over",
		item(hour, hour.Add(time.Hour)), item(hour, january.End.Add(1)))
	f(january, "ends before it starts", item(hour, hour.Add(-1)))
	f(january, "reaches over", item(hour, date(9000, 1)))
	back := used1(invoq.Errors, "-1")
	f(january, `items of "errors" in 2026-01 take back more than was used`, back)
	late := Period{Zone: time.UTC, Interval: invoq.Interval{Start: hour, End: january.End}}
	within := back
	within.Start = hour
	f(late, "take back more", used1(invoq.Errors, "5"), within)
	f(late, "take back more", back, item(hour, hour))
	plan.Rates[0].Kind, plan.Rates[0].Windows = invoq.RateTimeOfDay, []invoq.PriceWindow{{Name: "n", From: "01:00", To: "02:00"}}
	f(january, "take back more", used1(invoq.Errors, "5"), within)
	plan.Rates = []invoq.Rate{{Meter: invoq.Errors, Kind: invoq.RateMarkup, Factor: d("1")}}
	cost := d("-1")
	back.Cost, back.Quantity = &cost, d("1")
	f(january, "take back more", back)
	plan.Currency = "X"
	f(january, "currency")
}

// TestPriceEdges: what lies exactly on an edge is in.
func TestPriceEdges(t *testing.T) {
	plan := invoq.Plan{Name: "p", Currency: "USD", Rates: []invoq.Rate{{Meter: invoq.Errors, Price: d("1")}}}
	at := func(start, end time.Time) Item {
		i := used1(invoq.Errors, "1")
		i.Start, i.End = start, end
		return i
	}
	last := january.End.Add(-time.Hour)
	usage := []Item{
		at(january.Start, time.Time{}), at(january.Start, january.Start), at(january.Start, january.End),
		at(last, january.End), at(january.End.Add(-1), january.End), at(last.In(location(t, "Asia/Tokyo")), january.End),
		{Interval: invoq.Interval{Start: last}, Meter: invoq.Errors, Quantity: d("-2")},
	}
	st, err := Price(plan, january, usage)
	if err != nil {
		t.Fatal(err)
	}
	if st.Total.Cmp(d("4")) != 0 {
		t.Errorf("total %s, want 4", st.Total)
	}
	long := Period{Zone: time.UTC, Interval: invoq.Interval{Start: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		End: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if _, err := Price(plan, long, nil); err != nil {
		t.Errorf("120 months: %v", err)
	}
	for _, year := range []int{1971, 2200} {
		if _, err := Price(plan, NewMonth(year, time.March, time.UTC), nil); err != nil {
			t.Errorf("March %d: %v", year, err)
		}
	}
}

func TestDigits(t *testing.T) {
	for c, want := range map[invoq.Currency]int32{"USD": 2, "RUB": 2, "JPY": 0, "KWD": 3} {
		if got, err := Digits(c); got != want || err != nil {
			t.Errorf("%s has %d digits, error %v, want %d", c, got, err, want)
		}
	}
	if n, err := Digits("BTC"); n != 0 || invoq.KindOf(err) != invoq.KindUnprocessable {
		t.Errorf("%d digits, error %v", n, err)
	}
}

// TestSelects: all conditions must hold; a tag that is asked to be empty must
// be there.
func TestSelects(t *testing.T) {
	f := func(want bool, w invoq.Selector, s Source) {
		t.Helper()
		if got := selects(w, &s); got != want {
			t.Errorf("%+v selects %+v: %v", w, s, got)
		}
	}
	source := Source{Service: "a", Namespace: "x", Tags: map[string]string{"spot": "", "arch": "arm64"}}
	f(true, invoq.Selector{}, Source{})
	f(true, invoq.Selector{}, source)
	f(true, invoq.Selector{Services: []string{"b", "a"}, Namespaces: []string{"x"}}, source)
	f(false, invoq.Selector{Services: []string{"a"}, Namespaces: []string{"y"}}, source)
	f(false, invoq.Selector{Services: []string{"b"}, Namespaces: []string{"x"}}, source)
	f(true, invoq.Selector{Tags: map[string]string{"spot": "", "arch": "arm64"}}, source)
	f(false, invoq.Selector{Tags: map[string]string{"spot": "", "arch": "x86"}}, source)
	f(false, invoq.Selector{Tags: map[string]string{"spot": "true"}}, source)
	f(false, invoq.Selector{Tags: map[string]string{"zone": ""}}, source)
}
