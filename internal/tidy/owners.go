package tidy

import "slices"

// owner is a package outside the module and the only rooms that may import it.
type owner struct {
	prefix string // the package and all below it
	homes  []string
	why    string
}

// technologies are the packages that have a home. A package without a line
// here may be imported by every room that may import beyond the standard
// library.
var technologies = []owner{
	{"github.com/gofiber", []string{"api", "collect/tracker/fibertracker"},
		"all Fiber is in api"},
	{"github.com/valyala/fasthttp", []string{"api", "collect/tracker/fibertracker"},
		"Fiber's buffers do not leave the handler"},
	{"github.com/jackc/pgx", []string{"postgres", "jobs", "internal/pgtest"},
		"all SQL is in postgres; River's driver takes its pool"},
	{"database/sql", []string{"postgres", "internal/pgtest"},
		"all SQL is in postgres"},
	{"github.com/pressly/goose", []string{"postgres", "internal/pgtest"},
		"migrations are part of the schema"},
	{"github.com/riverqueue", []string{"jobs", "postgres"},
		"a job is declared in jobs; postgres owns River's tables"},
	{"github.com/nats-io", []string{"queue"},
		"the event buffer is replaceable behind queue"},
	{"github.com/go-echarts", []string{"dashboards"},
		"its page writes what it is given into a script, unescaped: dashboards knows how"},
	{"gonum.org", []string{"forecast", "anomaly", "advise"},
		"floats stop where money begins"},
	{"github.com/alecthomas/kong", []string{"cmd"},
		"the command line exists in cmd only"},
	{"github.com/knadh/koanf", []string{"cmd"},
		"configuration files are read in cmd only"},
	{"C", nil,
		"the binary is static: it must build without a C compiler"},
	{"unsafe", []string{"ingest", "internal/diskfault"},
		"the decoder looks at bytes as a string for one call; nothing else is worth the risk"},
}

// stdlibPart is a package below an owned one that anybody may import.
var stdlibPart = []string{"database/sql/driver"}

// owners reports imports of a technology outside its home.
func owners(r *Repo, out *Report) {
	for _, f := range r.source() {
		home, _ := roomOf(f.dir())
		for _, spec := range f.Go.Imports {
			imported := importPath(spec)
			for _, o := range technologies {
				if o.covers(imported) && !slices.Contains(o.homes, home.dir) {
					out.at(f, spec, "%q may not import %q: %s",
						home.dir, imported, o.why)
				}
			}
		}
	}
}

func (o owner) covers(imported string) bool {
	return within(imported, o.prefix) && !slices.Contains(stdlibPart, imported)
}
