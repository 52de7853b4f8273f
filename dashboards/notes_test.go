package dashboards_test

import (
	"testing"

	"invoq/dashboards"
	"invoq/internal/storybook"
)

// What package billing says of usage that was assumed is understood by the
// page, and that pods end between scrapes is no badge.
func TestNotesOfRealBills(t *testing.T) {
	stories, err := storybook.Stories(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"cedar": "Starts assumed", "alder": "Fine", "linden": "By events"}
	for _, s := range stories {
		v, is := s.View.(dashboards.OwnerView)
		if !is || s.Name != "owner" {
			continue
		}
		for _, row := range v.Table.Rows {
			if text := want[row.Name]; text != "" && row.Status.Text != text {
				t.Errorf("%s is %q, want %q", row.Name, row.Status.Text, text)
			}
			delete(want, row.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("not on the page: %v", want)
	}
}
