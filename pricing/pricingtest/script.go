package pricingtest

import (
	"bytes"
	"fmt"
	"strings"
)

// Limits of a script.
const (
	MaxScriptBytes = 1 << 20
	maxValues      = 100_000 // values of one series, items of one tenant
)

// line is one line of a script.
type line struct {
	number int // from 1
	text   string
}

// command is a line that begins at the left margin and the indented lines
// below it.
type command struct {
	line
	body []line
	end  int // index behind the last line of the block
}

// Failure is a line of a script that does not hold or cannot be read.
type Failure struct {
	File    string
	Line    int // from 1
	Message string
	ofPlan  bool // the plan was refused, so "expect fail" may expect it
}

// Error returns file:line: message.
func (f Failure) Error() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message) }

// failAt is an error at a line; run adds the file.
func failAt(number int, format string, args ...any) *Failure {
	return &Failure{Line: number, Message: fmt.Sprintf(format, args...)}
}

// parse cuts a script into commands. Blank lines and lines that begin with #
// are comments; they may stand anywhere.
func parse(src []byte) ([]command, *Failure) {
	if len(src) > MaxScriptBytes {
		return nil, failAt(1, "the script has %d bytes, at most %d are read",
			len(src), MaxScriptBytes)
	}
	var commands []command
	for i, text := range splitLines(src) {
		number := i + 1
		if isComment(text) {
			continue
		}
		if !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, "\t") {
			commands = append(commands, command{line: line{number, strip(text)}, end: number})
			continue
		}
		if len(commands) == 0 {
			return nil, failAt(number, "an indented line needs a command above it")
		}
		last := &commands[len(commands)-1]
		last.body = append(last.body, line{number, strip(text)})
		last.end = number
	}
	return commands, nil
}

func splitLines(src []byte) []string {
	text := string(bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n")))
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func isComment(text string) bool {
	t := strings.TrimSpace(text)
	return t == "" || strings.HasPrefix(t, "#")
}

// strip takes off the surrounding space and a comment behind " # ", unless
// that stands in quotes.
func strip(text string) string {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[i:], " # "):
			return strings.TrimSpace(text[:i])
		}
	}
	return strings.TrimSpace(text)
}
