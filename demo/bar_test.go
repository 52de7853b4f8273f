package demo

import (
	"bytes"
	"strings"
	"testing"
)

// Where nobody watches a bar is one line, at its end.
func TestBarOfAFile(t *testing.T) {
	f := func(bars bool, check func(string) bool) {
		t.Helper()
		var b bytes.Buffer
		bar := newBar(Config{Progress: &b, Bars: bars}, 3, "replaying")
		for range 3 {
			if err := bar.Add(1); err != nil {
				t.Fatal(err)
			}
		}
		if err := bar.Finish(); err != nil || !check(b.String()) {
			t.Errorf("with bars %t it writes %q, %v", bars, &b, err)
		}
	}
	f(false, func(s string) bool { return s == "replaying: done\n" })
	f(true, func(s string) bool { return strings.Contains(s, "\r") && strings.Contains(s, "100%") })
}
