package pricing

import (
	"fmt"
	"strings"

	"invoq"
)

// Explain says in words and figures how a line came about: what was used and
// by whom, each step of the charge, what came off, and the one rounding. Each
// element is a line of text. It reads the line alone, so a stored bill can be
// explained without its plan.
func Explain(line invoq.BillLine, currency invoq.Currency) []string {
	digits, err := Digits(currency)
	if err != nil {
		digits = line.Amount.Places()
	}
	text := []string{fmt.Sprintf("%s %s, %s: %s %s", line.Rate, line.Kind, line.Month,
		line.Amount.Fixed(digits), currency)}
	say := func(format string, args ...any) {
		text = append(text, "  "+fmt.Sprintf(format, args...))
	}
	if line.Meter != "" && (!line.Quantity.IsZero() || !line.Free.IsZero()) {
		say("%s %s, %s free, %s billable", line.Quantity, line.Meter, line.Free, line.Billable)
	}
	for _, in := range line.Inputs {
		say("used by %s: %s", inputName(in), in.Quantity)
	}
	for _, s := range line.Steps {
		say("%s", stepText(s))
	}
	if !line.Off.IsZero() {
		say("less %s%% of %s: %s", line.Off.Scale(2), line.List, line.List.Mul(line.Off))
	}
	say("%s, rounded to %s", line.Exact, line.Amount.Fixed(digits))
	return text
}

// stepText says one step of a line in a sentence.
func stepText(s invoq.LineStep) string {
	label := ""
	if s.Label != "" {
		label = s.Label + ": "
	}
	if s.Quantity.Mul(s.Price).Cmp(s.Amount) != 0 {
		return fmt.Sprintf("%s%s", label, s.Amount) // A part of a fee, or a new price.
	}
	return fmt.Sprintf("%s%s × %s = %s", label, s.Quantity, s.Price, s.Amount)
}

// inputName names what a line was computed from.
func inputName(in invoq.LineInput) string {
	name := strings.Trim(in.Namespace+"/"+in.Service, "/")
	if name == "" {
		return "an unknown service"
	}
	return name
}
