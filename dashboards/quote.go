package dashboards

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoteShell quotes text for a POSIX shell: nothing in single quotes means
// anything but the quote itself.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteJSON returns a string of JSON, for snippets to copy.
func quoteJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string is always JSON: " + err.Error())
	}
	return string(b)
}

// nameRunes is how much of a name a chart has room for.
const nameRunes = 28

// functionMark is how the charts' library marks text that is to become a
// function in its own pages. Ours never turn text into functions, and what
// looks like one does not get there.
const functionMark = "__f__"

// chartText makes a name fit for a chart: inert, on one line, not too long.
// Pages have the whole name in a table.
func chartText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || isBidiControl(r) {
			return ' '
		}
		return r
	}, unmarked(s))
	if utf8.RuneCountInString(s) > nameRunes {
		s = string([]rune(s)[:nameRunes-1]) + "…"
	}
	return s
}

// unmarked takes the marks of functions out, also those that taking one out
// leaves behind.
func unmarked(s string) string {
	for strings.Contains(s, functionMark) {
		s = strings.ReplaceAll(s, functionMark, "")
	}
	return s
}

// isBidiControl reports whether the rune turns the text around it: a name must
// not reorder the figures beside it.
func isBidiControl(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f'
}

// chartNames makes names fit for a chart, where equal ones would be one.
func chartNames(names []string) []string {
	seen := map[string]int{}
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = chartText(name)
		for seen[all[i]] > 0 {
			seen[all[i]]++
			all[i] += " (" + itoa(seen[all[i]]) + ")"
		}
		seen[all[i]]++
	}
	return all
}
