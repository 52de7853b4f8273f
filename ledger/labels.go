package ledger

import (
	"encoding/json"
	"fmt"

	"invoq"
)

// labelsOf returns the labels of an event as they are hashed and stored: what
// encoding/json writes, names in their order; empty for none.
func labelsOf(e *invoq.Event) (string, error) {
	if len(e.Labels) == 0 {
		return "", nil
	}
	// Fast path: nothing of them is escaped.
	var room [256]byte
	if b, ok := appendPlainLabels(room[:0], e); ok {
		return string(b), nil
	}
	b, err := json.Marshal(e.Labels) // Keys are sorted.
	if err != nil {
		return "", fmt.Errorf("write labels of request %q: %w", e.RequestID, err)
	}
	return string(b), nil
}

// appendPlainLabels appends labels in which nothing is escaped, and reports
// whether they are such.
func appendPlainLabels(b []byte, e *invoq.Event) ([]byte, bool) {
	var names [invoq.MaxEventLabels]string
	separator := byte('{')
	for _, name := range e.AppendLabelNames(names[:0]) {
		value := e.Labels[name]
		if !plainJSON(name) || !plainJSON(value) {
			return b, false
		}
		b = append(append(append(b, separator, '"'), name...), `":"`...)
		b = append(append(b, value...), '"')
		separator = ','
	}
	return append(b, '}'), true
}

// plainJSON reports whether encoding/json writes the text as it stands: ASCII
// that neither JSON nor HTML gives a meaning to.
func plainJSON(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
