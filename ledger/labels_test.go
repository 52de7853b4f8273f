package ledger

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"invoq"
)

// TestLabelsOf compares labels with encoding/json, which books were written by.
func TestLabelsOf(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[ -~]{0,12}`), rapid.StringMatching(`[a-z]{0,6}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.MapOfN(text, text, 1, invoq.MaxEventLabels).Draw(t, "labels")
		got, err := labelsOf(&invoq.Event{Labels: labels})
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(labels)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Fatalf("labels are written as %s, encoding/json has %s", got, want)
		}
	})
}
