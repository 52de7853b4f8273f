package api

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"invoq"
)

// isText reports whether a string is UTF-8 without NUL, which is what the
// database takes for text.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// uniqueKeys refuses JSON that names a key twice, which readers understand in
// different ways, and anything behind the first value.
func uniqueKeys(body []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	if err := uniqueKeysOf(dec, 0); err != nil {
		return err
	}
	if dec.More() {
		return invoq.Errorf(invoq.KindInvalid, "body has more than one JSON value")
	}
	return nil
}

// maxNesting bounds the depth of a JSON body.
const maxNesting = 32

// uniqueKeysOf reads one JSON value, to any depth up to maxNesting.
func uniqueKeysOf(dec *json.Decoder, depth int) error {
	tok, err := dec.Token()
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "body is not JSON: %v", err)
	}
	open, ok := tok.(json.Delim)
	if !ok {
		return textOnly(tok)
	}
	if depth == maxNesting {
		return invoq.Errorf(invoq.KindInvalid, "body is nested deeper than %d", maxNesting)
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			tok, err := dec.Token()
			if err != nil {
				return invoq.Errorf(invoq.KindInvalid, "body is not JSON: %v", err)
			}
			key, _ := tok.(string)
			if err := textOnly(tok); err != nil {
				return err
			}
			if seen[key] {
				return invoq.Errorf(invoq.KindInvalid, "body names %q twice", key)
			}
			seen[key] = true
		}
		if err := uniqueKeysOf(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return invoq.Errorf(invoq.KindInvalid, "body is not JSON: %v", err)
	}
	return nil
}

// textOnly refuses strings that are not text.
func textOnly(tok json.Token) error {
	if s, ok := tok.(string); ok && !isText(s) {
		return invoq.Errorf(invoq.KindUnprocessable, "body has a text with a character that no text has")
	}
	return nil
}
