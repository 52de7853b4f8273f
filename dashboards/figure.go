package dashboards

import (
	"math"
	"strconv"
	"strings"

	"github.com/bojanz/currency"

	"invoq"
)

// Figure is a number twice: as people read it, and exactly.
type Figure struct {
	Text string
	// Exact is the whole number with its unit; empty where Text says it all.
	Exact string
}

// locale is the one that pages are written in.
var locale = currency.NewLocale("en")

// money shows an amount, rounded half up at the currency's minor unit.
func money(d invoq.Decimal, c invoq.Currency) Figure {
	digits, ok := currency.GetDigits(string(c))
	if !ok {
		return Figure{Text: d.String() + " " + string(c)}
	}
	rounded := d.Round(int32(digits))
	var f Figure
	if !rounded.Equal(d) {
		f.Exact = d.String() + " " + string(c)
	}
	if rounded.IsZero() && !d.IsZero() {
		// It is something, if less than the smallest coin.
		least := invoq.NewDecimal(int64(d.Sign()), -int32(digits))
		f.Text = "<" + coin(least, c)
		if d.Sign() < 0 {
			f.Text = ">" + coin(least, c)
		}
		return f
	}
	f.Text = coin(rounded, c)
	return f
}

// coinLimit is up to where the formatter, which has 39 digits, keeps them all.
var coinLimit = invoq.NewDecimal(1, 30)

// coin writes an amount of a currency that is known.
func coin(d invoq.Decimal, c invoq.Currency) string {
	if d.Max(d.Neg()).Cmp(coinLimit) >= 0 {
		return grouped(d.String()) + " " + string(c)
	}
	a, err := currency.NewAmount(d.String(), string(c))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return currency.NewFormatter(locale).Format(a)
}

// price shows the price of one unit, every digit of it.
func price(d invoq.Decimal, c invoq.Currency) string {
	return grouped(d.String()) + " " + string(c)
}

// magnitudes are the words for thousands, from the largest.
var magnitudes = []struct {
	power int32
	word  string
}{{12, "T"}, {9, "B"}, {6, "M"}, {3, "k"}}

// short shows a number with three digits and a word for its size: 1.23 M.
// Numbers below 10,000 are whole enough to be read as they are.
func short(d invoq.Decimal) string {
	abs := d.Max(d.Neg())
	if abs.Cmp(invoq.NewDecimal(1, 4)) < 0 {
		return grouped(d.Round(min(d.Places(), smallPlaces(abs))).String())
	}
	for i, m := range magnitudes {
		scaled := abs.Scale(-m.power)
		if scaled.Cmp(invoq.NewDecimal(1, 0)) < 0 {
			continue
		}
		scaled = threeDigits(scaled)
		if i > 0 && scaled.Cmp(invoq.NewDecimal(1, 3)) >= 0 {
			m, scaled = magnitudes[i-1], scaled.Scale(-3) // 999,999 is 1 M.
		}
		s := grouped(scaled.String()) + " " + m.word
		if d.Sign() < 0 {
			s = "-" + s
		}
		return s
	}
	return grouped(d.Round(0).String())
}

// threeDigits rounds to three digits, and no more than the point.
func threeDigits(d invoq.Decimal) invoq.Decimal {
	for places := int32(2); places > 0; places-- {
		if d.Round(places).Cmp(invoq.NewDecimal(1, 3-places)) < 0 {
			return d.Round(places)
		}
	}
	return d.Round(0)
}

// smallPlaces is how many decimal places of a small number mean something.
func smallPlaces(abs invoq.Decimal) int32 {
	for _, p := range []struct {
		below  string
		places int32
	}{{"0.001", 6}, {"1", 3}, {"100", 2}, {"1000", 1}} {
		if abs.Cmp(invoq.MustDecimal(p.below)) < 0 {
			return p.places
		}
	}
	return 0
}

// grouped puts commas between thousands.
func grouped(s string) string {
	whole, rest, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return sign + whole
}

// count shows how many.
func count(d invoq.Decimal) Figure { return withExact(short(d), d, "") }

// withExact leaves out the exact number where it would only repeat the text.
func withExact(text string, d invoq.Decimal, unit string) Figure {
	exact := strings.TrimSpace(grouped(d.String()) + " " + unit)
	if exact == text {
		exact = ""
	}
	return Figure{Text: text, Exact: exact}
}

// times are the units of durations, from the largest, in milliseconds.
var times = []struct {
	millis invoq.Decimal
	word   string
}{
	{invoq.NewDecimal(3600, 3), "h"},
	{invoq.NewDecimal(60, 3), "min"},
	{invoq.NewDecimal(1, 3), "s"},
}

// duration shows milliseconds in the largest unit of which there is one.
func duration(millis invoq.Decimal) Figure {
	text := short(millis) + " ms"
	for _, t := range times {
		if millis.Cmp(t.millis) >= 0 {
			text = short(threeDigits(millis.Quo(t.millis, 6))) + " " + t.word
			break
		}
	}
	return withExact(text, millis, "ms")
}

// megabyteMillis is how many MB·ms a GB·s has: 2^10 MB × 10^3 ms.
var megabyteMillis = invoq.NewDecimal(1024, 3)

// memoryTime shows MB·ms as GB·s.
func memoryTime(mbMillis invoq.Decimal) Figure {
	gbs := mbMillis.Quo(megabyteMillis, 6)
	if gbs.Cmp(invoq.NewDecimal(1, 4)) < 0 {
		gbs = threeDigits(gbs)
	}
	text := short(gbs) + " GB·s"
	if gbs.IsZero() && !mbMillis.IsZero() {
		text = "<0.01 GB·s"
	}
	return withExact(text, mbMillis, "MB·ms")
}

// quantity shows a quantity of the meter in the unit that people use.
func quantity(m invoq.Meter, d invoq.Decimal) Figure {
	switch m {
	case invoq.DurationMs, invoq.CPUMs:
		return duration(d)
	case invoq.MBMs:
		return memoryTime(d)
	case invoq.StorageMB, invoq.BandwidthMB:
		return withExact(short(d)+" MB", d, "MB")
	case invoq.ComputeSeconds:
		return withExact(short(d)+" s", d, "s")
	}
	return count(d)
}

// meterNames are what people call the meters.
var meterNames = map[invoq.Meter]string{
	invoq.Invocations: "Invocations",
	invoq.DurationMs:  "Duration",
	invoq.MBMs:        "Memory × time",
	invoq.CPUMs:       "CPU time",
	invoq.ColdStarts:  "Cold starts",
	invoq.Errors:      "Errors",

	invoq.AITokens:       "AI tokens",
	invoq.APIRequest:     "API requests",
	invoq.StorageMB:      "Storage",
	invoq.ComputeSeconds: "Compute",
	invoq.PaymentTx:      "Payments",
	invoq.BandwidthMB:    "Bandwidth",
}

// meterName returns what a reader calls the meter.
func meterName(m invoq.Meter) string {
	if name, ok := meterNames[m]; ok {
		return name
	}
	return string(m)
}

// latency shows an estimated duration in milliseconds. It is an estimate
// already, so a float does.
func latency(millis float64) string {
	places := func(v float64) int {
		switch {
		case v < 10:
			return 1
		default:
			return 0
		}
	}
	if millis >= 1000 {
		return strconv.FormatFloat(millis/1000, 'f', 2, 64) + " s"
	}
	return strconv.FormatFloat(math.Max(millis, 0), 'f', places(millis), 64) + " ms"
}

// percent shows part ÷ whole; nothing where there is no whole.
func percent(part, whole invoq.Decimal) string {
	if whole.Sign() <= 0 {
		return ""
	}
	p := part.Scale(2).Quo(whole, 1)
	if p.IsZero() && !part.IsZero() {
		return "<0.1%"
	}
	return p.String() + "%"
}
