package access

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table of the documentation is the table that is asked.
func TestDocumentedPermissions(t *testing.T) {
	text, err := os.ReadFile("../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(\\S+)` \\|.*\\| (yes|–) \\| (yes|–) \\| (yes|–) \\| (yes|–) \\|$")
	got, want := map[Permission][]string{}, map[Permission][]string{}
	for _, cells := range row.FindAllStringSubmatch(string(text), -1) {
		got[Permission(cells[1])] = slices.Clone(cells[2:])
	}
	for _, p := range Permissions()[1:] {
		for _, role := range []Role{Owner, Tenant, Ingest, Viewer} {
			cell := "–"
			if role.May(p) {
				cell = "yes"
			}
			want[p] = append(want[p], cell)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/access.md (-what holds +what it says):\n%s", diff)
	}
}
