package tidy

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// migrations reports steps of a schema that are misnamed, missing, there twice
// or without a way back. Files are in order of their names, so of numbers.
func migrations(r *Repo, out *Report) {
	last := map[string]int{} // The latest number in each folder.
	for _, f := range r.Files {
		if path.Base(f.dir()) != "migrations" || path.Ext(f.Path) != ".sql" || f.inTestdata() {
			continue
		}
		m := migrationName.FindStringSubmatch(path.Base(f.Path))
		if m == nil {
			out.line(f, 0, "name is not of the form 0001_name.sql")
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			panic("BUG: four digits are no number: " + err.Error())
		}
		if want := last[f.dir()] + 1; n != want {
			out.line(f, 0, "number %04d comes where %04d should", n, want)
		}
		last[f.dir()] = n
		if !strings.Contains(f.Text, "-- +goose Down") {
			out.line(f, 0, `no way back: "-- +goose Down" is missing`)
		}
	}
}
