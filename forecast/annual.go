package forecast

// The yearly swing of daily series. A year and a half of days cannot carry a
// model with a yearly season, yet last year is the best hint of what spring
// does to the level.
const (
	daysOfWeek = 7
	// yearOfWeeks is the year rounded to whole weeks, so that days of the week
	// meet.
	yearOfWeeks = 52 * daysOfWeek
	// annualHistory is the least number of days: a year and two months.
	annualHistory = yearOfWeeks + 60
	// annualHalf is half the window that smooths last year's level.
	annualHalf = 7
	// annualLevel is how many days make the level that swings are measured from: as
	// many as the methods' own levels rest on, more or less.
	annualLevel = 42
	// swingShare and dayShare are how much of last year's smooth swing and of its
	// single days returns this year: two fifths of a swing are shared by
	// neighbouring years, a tenth of a day's own deviation.
	swingShare, dayShare = 0.4, 0.1
	// mostGrowth bounds the ratio of this year's level to last year's.
	mostGrowth = 5
)

// addAnnual adds to a path from origin the swing that followed the same day of
// last year, when the data are days (a cycle of seven) and long enough.
func addAnnual(in *input, origin int, path []float64) {
	if in.mainCycle() != daysOfWeek || origin < annualHistory {
		return
	}
	rest, _ := deseasonalise(in.clean[:origin], in.cycles[:1])
	then := origin - yearOfWeeks
	before := meanOf(rest[max(0, then-annualLevel):then])
	growth := 1.0
	if now := meanOf(rest[origin-annualLevel:]); before > 0 && now > 0 {
		growth = min(mostGrowth, max(1.0/mostGrowth, now/before))
	}
	for i := range path {
		day := then + i%yearOfWeeks
		around := meanOf(rest[max(0, day-annualHalf):min(origin, day+annualHalf+1)])
		path[i] += growth * (swingShare*(around-before) + dayShare*(rest[day]-around))
	}
}
