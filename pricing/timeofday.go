package pricing

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"invoq"
)

const (
	dayMinutes  = 24 * 60
	weekMinutes = 7 * dayMinutes
)

// weekdays are the names of days in windows, in the order of time.Weekday.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// band is a span of the week, in minutes since Sunday 00:00 of the wall
// clock, and the price that holds in it.
type band struct {
	from, to int // [from, to) within a week
	price    int // index of the window; len(windows): the rate's own price
}

// bandsOf lays the windows over a week and fills the gaps with the rate's own
// price; the bands cover the week in order. A window that wraps midnight goes
// on into the next day, and one that begins late on Saturday into Sunday.
func bandsOf(windows []invoq.PriceWindow) ([]band, error) {
	var spans []band
	for i, w := range windows {
		some, err := spansOf(i, w)
		if err != nil {
			return nil, err
		}
		spans = append(spans, some...)
	}
	slices.SortFunc(spans, func(a, b band) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.price, b.price))
	})
	var all []band
	at := 0
	for _, s := range spans {
		if s.from < at {
			last := windows[all[len(all)-1].price].Name
			return nil, refuse(windowField(s.price, "from"), "window %q overlaps window %q",
				windows[s.price].Name, last)
		}
		if s.from > at {
			all = append(all, band{at, s.from, len(windows)})
		}
		all = append(all, s)
		at = s.to
	}
	if at < weekMinutes {
		all = append(all, band{at, weekMinutes, len(windows)})
	}
	return all, nil
}

func windowField(i int, name string) string { return fmt.Sprintf("windows[%d].%s", i, name) }

// spansOf returns the spans of the week that one window covers, cut at the end
// of the week.
func spansOf(i int, w invoq.PriceWindow) ([]band, error) {
	from, err := minuteOf(w.From)
	if err != nil || from == dayMinutes {
		return nil, refuse(windowField(i, "from"),
			"%q is not a time from 00:00 to 23:59", clip(w.From))
	}
	to, err := minuteOf(w.To)
	if err != nil {
		return nil, refuse(windowField(i, "to"),
			"%q is not a time from 00:00 to 24:00", clip(w.To))
	}
	if to <= from {
		to += dayMinutes
	}
	days := w.Days
	if len(days) == 0 {
		days = weekdays
	}
	var spans []band
	for _, name := range days {
		day := slices.Index(weekdays, name)
		if day < 0 {
			return nil, refuse(windowField(i, "days"), "%q is not one of %v", clip(name), weekdays)
		}
		start, end := day*dayMinutes+from, day*dayMinutes+to
		spans = append(spans, band{start, min(end, weekMinutes), i})
		if end > weekMinutes {
			spans = append(spans, band{0, end - weekMinutes, i})
		}
	}
	return spans, nil
}

// minuteOf reads 00:00 to 24:00 as minutes since midnight.
func minuteOf(s string) (int, error) {
	if s == "24:00" {
		return dayMinutes, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("time of day %q: %w", s, err)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// bandTimeline cuts the segments of a timeline further, where the clocks of
// the zone enter or leave a band. An hour that clocks read twice is in its
// band twice, an hour that they skip never.
func bandTimeline(coarse *timeline, bands []band, zone *time.Location) *timeline {
	var t timeline
	for i, s := range coarse.segments {
		at := time.Unix(0, coarse.starts[i]).In(zone)
		end := time.Unix(0, coarse.starts[i+1])
		for at.Before(end) {
			b := bands[bandAt(bands, at)]
			s.price = b.price
			if n := len(t.segments) - 1; n < 0 || t.segments[n] != s {
				t.cut(at, s)
			}
			at = leaves(b, at)
		}
	}
	t.starts = append(t.starts, coarse.starts[len(coarse.segments)])
	return &t
}

// bandAt returns the index of the band that the zone's clocks are in.
func bandAt(bands []band, at time.Time) int {
	minute := int(at.Weekday())*dayMinutes + at.Hour()*60 + at.Minute()
	return slices.IndexFunc(bands, func(b band) bool { return minute < b.to })
}

// leaves returns when clocks leave the band, or change their offset before.
func leaves(b band, at time.Time) time.Time {
	wall := time.Duration(at.Weekday())*24*time.Hour + time.Duration(at.Hour())*time.Hour +
		time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second +
		time.Duration(at.Nanosecond())
	next := at.Add(time.Duration(b.to)*time.Minute - wall)
	if end := offsetEnd(at); !end.IsZero() && end.Before(next) {
		return end
	}
	return next
}

// byBand takes the free units off the first units of the month, as they were
// used in time, and returns what is billable of each price, of the first
// segments until one.
func byBand(u used, until int, free invoq.Decimal, prices int) []invoq.Decimal {
	billable := make([]invoq.Decimal, prices)
	for i, quantity := range u.bySegment[:until] {
		price := u.segments[i].price
		// Fast path: no free units, or none left.
		if free.IsZero() {
			billable[price] = billable[price].Add(quantity)
			continue
		}
		taken := quantity.Min(free)
		free = free.Sub(taken)
		billable[price] = billable[price].Add(quantity.Sub(taken))
	}
	return billable
}

// timeOfDay prices what is billable of each window, the rate's own price last.
func timeOfDay(billable []invoq.Decimal, r *rate) []invoq.LineStep {
	steps := make([]invoq.LineStep, len(billable))
	for i, quantity := range billable {
		if i == len(r.Windows) {
			steps[i] = step("other times", quantity, r.unitPrice)
			continue
		}
		steps[i] = step(r.Windows[i].Name, quantity, r.windowPrices[i])
	}
	return steps
}

// MinutesPastTheHour returns at which minutes of an hour, by the wall clock, a
// price of the plan may change other than at the hour itself; each once.
func MinutesPastTheHour(p invoq.Plan) []int {
	var all []int
	for _, r := range p.Rates {
		for _, w := range r.Windows {
			for _, at := range []string{w.From, w.To} {
				if minute, err := minuteOf(at); err == nil && minute%60 != 0 {
					all = append(all, minute%60)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
