package pricingtest

import (
	"fmt"
	"strings"
	"time"

	"invoq"
	"invoq/pricing"
)

// number reads a decimal or a product of decimals such as 400000*1024*1000.
func number(s string) (invoq.Decimal, error) {
	product := invoq.NewDecimal(1, 0)
	for factor := range strings.SplitSeq(s, "*") {
		d, err := invoq.ParseDecimal(factor)
		if err != nil {
			return invoq.Decimal{}, err
		}
		product = product.Mul(d)
		if len(product.String()) > 2*invoq.MaxDecimalDigits {
			return invoq.Decimal{}, fmt.Errorf("number %q is too long", s)
		}
	}
	return product, nil
}

// step reads a duration such as 5m, 1h or 1d, whole seconds and more than 0.
func step(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		d, err = time.ParseDuration(days + "h")
		d *= 24
	}
	if err != nil || d < time.Second || d > 366*24*time.Hour || d%time.Second != 0 {
		return 0, fmt.Errorf("step %q is not a duration such as 5m, 1h or 1d", s)
	}
	return d, nil
}

// zone reads an IANA name.
func zone(s string) (*time.Location, error) {
	return invoq.Tenant{Timezone: s}.Location()
}

// instantLayouts are the readings of a clock that a script may give, and the
// last one with its own offset.
var instantLayouts = []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05"}

// instant reads a wall time in the zone, or an RFC 3339 time with its own
// offset.
func instant(s string, loc *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	for _, layout := range instantLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return pricing.FirstInstant(t, loc), nil
		}
	}
	return time.Time{}, fmt.Errorf(
		"time %q is not 2006-01-02, 2006-01-02T15:04 or 2006-01-02T15:04:05Z", s)
}

// period reads a month (2026-01), a day (2026-01-31) or START..END.
func period(s string, loc *time.Location) (pricing.Period, error) {
	if from, to, ok := strings.Cut(s, ".."); ok {
		start, err := instant(from, loc)
		if err != nil {
			return pricing.Period{}, err
		}
		end, err := instant(to, loc)
		return pricing.Period{Interval: invoq.Interval{Start: start, End: end}, Zone: loc}, err
	}
	if t, err := time.Parse("2006-01-02", s); err == nil {
		return pricing.Period{Zone: loc, Interval: invoq.Interval{
			Start: pricing.FirstInstant(t, loc), End: pricing.FirstInstant(t.AddDate(0, 0, 1), loc),
		}}, nil
	}
	var year, month int
	if n, err := fmt.Sscanf(s, "%4d-%2d", &year, &month); n != 2 || err != nil || len(s) != 7 {
		return pricing.Period{}, fmt.Errorf("period %q is not 2026-01, 2026-01-31 or START..END", s)
	}
	if month < 1 || month > 12 {
		return pricing.Period{}, fmt.Errorf("month %02d out of range", month)
	}
	return pricing.NewMonth(year, time.Month(month), loc), nil
}
