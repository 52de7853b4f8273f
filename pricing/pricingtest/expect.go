package pricingtest

import (
	"fmt"
	"slices"
	"strings"

	"invoq"
	"invoq/pricing"
)

// expectation is an "expect fail" line.
type expectation struct {
	line
	msg string // part of the message; empty: any
}

// takeExpect takes the expect line out of a body.
func takeExpect(body []line) (*expectation, []line, *Failure) {
	var found *expectation
	var rest []line
	for _, l := range body {
		text, ok := strings.CutPrefix(l.text, "expect ")
		if !ok {
			rest = append(rest, l)
			continue
		}
		what, msg, _ := strings.Cut(text, "msg:")
		if strings.TrimSpace(what) != "fail" || found != nil {
			return nil, nil, failAt(l.number,
				"one line of expect fail, or expect fail msg: TEXT, is allowed")
		}
		found = &expectation{line: l, msg: strings.TrimSpace(msg)}
	}
	return found, rest, nil
}

// check holds the expectation against what happened; nil is no failure.
func (e *expectation) check(got *Failure) *Failure {
	switch {
	case got == nil:
		return failAt(e.number, "it does not fail")
	case !strings.Contains(got.Message, e.msg):
		return failAt(e.number, "it fails with another message: %s", got.Message)
	}
	return nil
}

// results writes a statement as the rows of a script: a line each of the bill,
// the total where it is not that of a single line, and what is unpriced. If
// exact, each line has its unrounded amount behind it.
func results(st pricing.Statement, exact bool) [][]string {
	digits, _ := pricing.Digits(st.Currency) // The plan was valid.
	money := func(d invoq.Decimal) string { return d.Fixed(digits) + " " + string(st.Currency) }
	months := map[string]bool{}
	for _, l := range st.Lines {
		months[l.Month] = true
	}
	var rows [][]string
	for _, l := range st.Lines {
		row := []string{lineName(l), l.Quantity.String(), money(l.Amount)}
		if exact {
			row = append(row, "exact "+l.Exact.String())
		}
		if len(months) > 1 {
			row = append([]string{l.Month}, row...)
		}
		rows = append(rows, row)
	}
	if len(st.Lines) != 1 {
		rows = append(rows, []string{"total", money(st.Total)})
	}
	for _, u := range st.Unpriced {
		rows = append(rows, []string{"unpriced", string(u.Meter), u.Quantity.String() + reason(u)})
	}
	for _, text := range st.Warnings {
		rows = append(rows, []string{"warning", text})
	}
	return rows
}

// lineName is the rate, and what the line is where it is not plain usage.
func lineName(l invoq.BillLine) string {
	name := l.Rate
	if l.Kind != invoq.LineUsage && l.Kind != invoq.LineFee && string(l.Kind) != l.Rate {
		name += " " + string(l.Kind)
	}
	if l.Spot {
		name += " spot"
	}
	return name
}

// reason is what a row says of it: nothing where there is no rate.
func reason(u pricing.Unpriced) string {
	if u.Reason == pricing.NoRate {
		return ""
	}
	return " " + string(u.Reason)
}

// compare holds the rows against the lines below the command, space aside.
func compare(c command, body []line, got [][]string) *Failure {
	for i, row := range got {
		want := strings.Join(strings.Fields(strings.Join(row, " ")), " ")
		if i >= len(body) {
			return failAt(c.end, "a line is missing: %s", want)
		}
		if have := strings.Join(strings.Fields(body[i].text), " "); have != want {
			return failAt(body[i].number, "the script says %q, the price is %q", have, want)
		}
	}
	if len(body) > len(got) {
		return failAt(body[len(got)].number, "the script says %q, the price has no such line",
			body[len(got)].text)
	}
	return nil
}

// rewritten returns the block below the command with its comments and the
// rows, in columns.
func (r *runner) rewritten(c command, rows [][]string) []string {
	var lines []string
	for _, text := range r.lines[c.number:c.end] {
		if isComment(text) {
			lines = append(lines, text)
		}
	}
	var widths []int
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range rows {
		padded := slices.Clone(row)
		for i := range padded[:len(row)-1] {
			padded[i] = fmt.Sprintf("%-*s", widths[i], row[i])
		}
		lines = append(lines, "  "+strings.Join(padded, "  "))
	}
	return lines
}
