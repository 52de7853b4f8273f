package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deeply a body may be nested.
const maxDepth = 16

// scanner reads JSON (RFC 8259) where it stands, without building a tree:
// a body of a thousand events has ten thousand values. What it returns points
// into the text, so whoever keeps a piece for long must clone it. An error
// sticks.
type scanner struct {
	b   string
	at  int
	err error
}

// fail notes what is wrong and where; what is found first is told.
func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("at byte %d: %s", s.at, fmt.Sprintf(format, args...))
	}
}

// peek returns the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	for s.err == nil && s.at < len(s.b) {
		switch c := s.b[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// expect consumes the byte, which must come next.
func (s *scanner) expect(c byte) {
	if got := s.peek(); got != c {
		s.fail("%q is missing", c)
		return
	}
	s.at++
}

// object calls field for each field of an object, with the scanner before the
// value, which field must consume.
func (s *scanner) object(field func(name string)) {
	s.expect('{')
	if s.peek() == '}' {
		s.at++
		return
	}
	for s.err == nil {
		name := s.text()
		s.expect(':')
		if s.err == nil {
			field(name)
		}
		if s.peek() == '}' {
			s.at++
			return
		}
		s.expect(',')
	}
}

// array calls item for each item of an array, which item must consume.
func (s *scanner) array(item func()) {
	s.expect('[')
	if s.peek() == ']' {
		s.at++
		return
	}
	for s.err == nil {
		item()
		if s.peek() == ']' {
			s.at++
			return
		}
		s.expect(',')
	}
}

// text reads a string.
func (s *scanner) text() string {
	if s.peek() != '"' {
		s.fail("a string is missing")
		return ""
	}
	start := s.at
	plain := true
	for i := start + 1; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.at = i + 1
			return s.unquote(s.b[start:s.at], plain)
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			s.at = i
			s.fail("a control character in a string")
			return ""
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	s.fail("the string does not end")
	return ""
}

// unquote returns what a string in quotes says.
func (s *scanner) unquote(quoted string, plain bool) string {
	// Fast path: ASCII without escapes.
	if plain {
		return quoted[1 : len(quoted)-1]
	}
	if !utf8.ValidString(quoted) {
		s.fail("a string is not UTF-8")
		return ""
	}
	var text string
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		s.fail("a string cannot be read")
	}
	if strings.ContainsRune(text, utf8.RuneError) {
		s.fail("a string has half a character")
	}
	return text
}

// number returns the digits of a number as they stand.
func (s *scanner) number() string {
	s.peek()
	start := s.at
	for s.at < len(s.b) && strings.IndexByte("+-.0123456789eE", s.b[s.at]) >= 0 {
		s.at++
	}
	digits := s.b[start:s.at]
	if !isNumber(digits) {
		s.fail("%q is no number", digits)
	}
	return digits
}

// isNumber reports whether the bytes are a number as RFC 8259, section 6 has it:
// no leading zeros, digits on both sides of the point.
func isNumber(b string) bool {
	digits := func() bool {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		b = b[n:]
		return n > 0
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) > 1 && b[0] == '0' && b[1] >= '0' && b[1] <= '9' || !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		b = b[1:]
		if !digits() {
			return false
		}
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(b) == 0
}

// word consumes a literal: true, false or null.
func (s *scanner) word(word string) {
	if !strings.HasPrefix(s.b[s.at:], word) {
		s.fail("%q cannot be read", s.b[s.at:min(len(s.b), s.at+len(word))])
		return
	}
	s.at += len(word)
}

// skip consumes a value of any kind.
func (s *scanner) skip(depth int) {
	if depth > maxDepth {
		s.fail("nested more than %d deep", maxDepth)
		return
	}
	switch s.peek() {
	case '{':
		s.object(func(string) { s.skip(depth + 1) })
	case '[':
		s.array(func() { s.skip(depth + 1) })
	case '"':
		s.text()
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}

// end fails unless nothing is left.
func (s *scanner) end() {
	if s.err == nil && s.peek() != 0 {
		s.fail("there is more behind the end")
	}
}
