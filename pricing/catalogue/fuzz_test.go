package catalogue

import (
	"encoding/json"
	"strings"
	"testing"

	"invoq"
	"invoq/internal/fuzzing"
)

// FuzzRead: a catalogue in either form is refused, or is the same when it is
// written as JSON and read again; what is read is a catalogue or refused.
func FuzzRead(f *testing.F) {
	item := `{"resource":"AI_TOKENS","provider":"=HYPERLINK(1)","cost":"0.1","per":1e3,"model":"MARKUP","factor":1.5}`
	for _, text := range []string{
		prices, `{"currency":"EUR","items":[` + item + `]}`, `{"currency":"EUR","items":[{"resource":"AI_TOKENS"}]}`,
		"resource,cost\nAI_TOKENS,-1\n", "resource,cost\nAI_TOKENS,1e400\n", "resource,cost,per\nAI_TOKENS,1,3\n",
		"resource,cost,from\nAI_TOKENS,1,2026-13-01\n", "resource,cost,from\nAI_TOKENS,1,0001-01-01T00:00:00+14:00\n",
		"resource,resource\n", "resource,cost\n\"AI",
		"resource,cost\n\xcb,0\n", "resource,cost,service\nAI_TOKENS,1,'); DROP TABLE costs; --\n",
		strings.Repeat(",", 100_000), "resource,cost\n" + strings.Repeat(",", 100_000), "resource,cost\n\"" + strings.Repeat("x\n", 50_000),
		"resource,cost\n" + strings.Repeat("a,1\n", 20_001),
		`{"currency":"EUR","items":[` + strings.Repeat("{},", 20_000) + item + `]}`,
		`{"currency":"EUR","items":[` + strings.Repeat(item+",", 2_000) + item + `]}`,
		`{"currency":"EUR","items":` + strings.Repeat("[", 20_000),
	} {
		f.Add(false, text)
		f.Add(true, text)
	}
	bounds := fuzzing.Default()
	// An item of 3 bytes takes 250 of memory, and as many again for each time
	// that the list grew by a quarter; MaxItems ends that. Owners alone send it.
	bounds.PerByte = 512
	f.Fuzz(func(t *testing.T, isJSON bool, text string) {
		var currency invoq.Currency
		var items []Item
		var err error
		bounds.Hold(t, len(text), func() {
			if isJSON {
				currency, items, err = ReadJSON(strings.NewReader(text))
			} else {
				items, err = ReadCSV(strings.NewReader(text))
			}
		})
		if err != nil {
			if invoq.KindOf(err) != invoq.KindUnprocessable {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		first := written(t, currency, items)
		again, same, err := ReadJSON(strings.NewReader(first))
		if err != nil || written(t, again, same) != first {
			t.Fatalf("%s\nread again: %v", first, err)
		}
		if _, err := New(1, currency, items); err != nil && invoq.KindOf(err) != invoq.KindUnprocessable {
			t.Fatalf("kind of %v", err)
		}
	})
}

// written returns the JSON that ReadJSON reads.
func written(t *testing.T, currency invoq.Currency, items []Item) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"currency": currency, "items": items})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
