package pricing

import (
	"fmt"
	"time"

	"invoq"
)

// feePlaces is where a part of a fee is cut: 10 days of 31 have no end.
const feePlaces = 18

// feeSoFar returns what of a monthly fee is due for the month up to an
// instant. It is 0 at the start of the month and the fee at its end, and a part
// of a month costs the difference of two instants, so that parts add up to the
// fee whatever the rounding in between.
func feeSoFar(r *rate, month invoq.Interval, at time.Time, zone *time.Location) invoq.Decimal {
	switch {
	case !at.After(month.Start):
		return invoq.Decimal{}
	case !at.Before(month.End):
		return r.Price
	}
	switch r.Prorate {
	case invoq.ProrateAdvance:
		return r.Price
	case invoq.ProrateArrears:
		return invoq.Decimal{}
	}
	passed, whole := feeUnits(r, month, at, zone)
	return r.Price.Mul(passed).Quo(whole, feePlaces)
}

// feeUnits returns how much of the month has passed at an instant, and how
// much it has in all: calendar days begun, or seconds. A day with a change of
// the clocks is a day.
func feeUnits(
	r *rate, month invoq.Interval, at time.Time, zone *time.Location,
) (passed, whole invoq.Decimal) {
	if r.Prorate == invoq.ProrateSecond {
		return seconds(at.Sub(month.Start)), seconds(month.Duration())
	}
	begun, days := int64(0), int64(0)
	var last time.Time
	first := month.Start.Add(month.Duration() / 2).In(zone)
	for day := 1; ; day++ {
		date := time.Date(first.Year(), first.Month(), day, 0, 0, 0, 0, time.UTC)
		midnight := FirstInstant(date, zone)
		if !midnight.Before(month.End) {
			return invoq.NewDecimal(begun, 0), invoq.NewDecimal(days, 0)
		}
		if midnight.Equal(last) {
			continue // The zone has left this day out.
		}
		last = midnight
		days++
		if midnight.Before(at) {
			begun++
		}
	}
}

// feeStep returns the step of the part of a month from one instant to another.
func feeStep(r *rate, s stretch, zone *time.Location) invoq.LineStep {
	due := feeSoFar(r, s.month, s.to, zone).Sub(feeSoFar(r, s.month, s.from, zone))
	st := invoq.LineStep{Label: "fee", Price: r.Price, Amount: due}
	switch r.Prorate {
	case invoq.ProrateAdvance, invoq.ProrateArrears:
		if !due.IsZero() {
			st.Quantity = one
		}
		return st
	}
	before, _ := feeUnits(r, s.month, s.from, zone)
	passed, whole := feeUnits(r, s.month, s.to, zone)
	st.Quantity = passed.Sub(before)
	unit := "days"
	if r.Prorate == invoq.ProrateSecond {
		unit = "seconds"
	}
	st.Label = fmt.Sprintf("%s of %s %s", st.Quantity, whole, unit)
	return st
}

// seconds returns the duration in seconds, exactly.
func seconds(d time.Duration) invoq.Decimal { return invoq.NewDecimal(int64(d), -9) }
