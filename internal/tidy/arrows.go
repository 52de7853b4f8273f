package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// room is a folder with one job, and what its code may import. Tests are free:
// they may wire whatever they need.
type room struct {
	// dir is the folder; it stands for everything below it that has no line of
	// its own.
	dir string
	// may lists the rooms it may import beside the root package.
	may []string
	// std allows only the standard library and the packages in but.
	std bool
	but []string
	// alone forbids the root package too: the code is no part of Invoq.
	alone bool
	why   string
}

// middle is the rooms that compute and keep, in the order of the story.
var middle = []string{
	"disk", "tsdb", "queue", "metering", "pricing", "ledger", "billing", "forecast", "forecast/cost", "outlook",
	"series",
	"anomaly", "advise", "limits", "access", "report", "webhook", "postgres", "deploy",
}

// edges is the rooms by which the world comes in.
var edges = []string{"collect", "ingest", "jobs", "dashboards"}

// rooms is the plan of the house: every arrow inside the module, with its
// reason. A room that needs one more gets it here, with a reason.
var rooms = []room{
	{dir: ".", std: true, but: []string{"github.com/cockroachdb/apd/v3"},
		why: "the vocabulary: everybody imports it, so it imports nobody"},

	{dir: "collect",
		why: "the agent runs beside functions and talks to Invoq over the network"},
	{dir: "collect/tracker", std: true,
		why: "users import it into their programs: it must bring nothing along"},
	{dir: "collect/tracker/fibertracker", may: []string{"collect/tracker"},
		why: "the adapter is apart so that only Fiber's users pay for Fiber"},
	{dir: "ingest",
		why: "it takes bytes and returns a result, and declares the stores it writes to"},
	{dir: "disk",
		why: "it measures a folder's disk; what is refused for want of room is its stores' business"},
	{dir: "tsdb", may: []string{"ingest"},
		why: "it is the store that ingest declares, and knows nobody who asks for windows"},
	{dir: "queue",
		why: "it keeps events until they are posted, whoever posts them"},
	{dir: "metering", may: []string{"postgres", "tsdb"},
		why: "it has windows counted from samples and stored, and knows nothing of money"},
	{dir: "pricing",
		why: "rating is arithmetic on the vocabulary: a stored bill must be computable anywhere"},
	{dir: "ledger",
		why: "the book declares the rater it needs, so that no plan can reach into it"},
	{dir: "billing", may: []string{"ledger", "postgres", "pricing"},
		why: "a bill is the stored usage of a period, priced by a plan"},
	{dir: "forecast",
		why: "numbers in, path and intervals out"},
	{dir: "forecast/cost", may: []string{"forecast", "pricing"},
		why: "a sample path becomes money by the code that prices bills"},
	{dir: "outlook", may: []string{"billing", "forecast", "forecast/cost", "postgres", "pricing"},
		why: "a prediction is stored usage, looked ahead and priced by the plan in force"},
	{dir: "series", may: []string{"billing", "ingest", "postgres", "tsdb"},
		why: "windows and costs take the form of series, which the engine declares"},
	{dir: "anomaly", may: []string{"forecast"},
		why: "what is odd is measured against what was expected"},
	{dir: "advise", may: []string{"forecast", "forecast/cost", "pricing"},
		why: "advice compares plans and looks ahead"},
	{dir: "limits", may: []string{"pricing"},
		why: "a reservation is the price of the worst case"},
	{dir: "access",
		why: "who may do what does not depend on what it is done to"},
	{dir: "report", may: []string{"billing", "ledger"},
		why: "a report shows bills and the entries behind them"},
	{dir: "webhook",
		why: "it delivers bytes, whatever they say"},
	{dir: "postgres", may: []string{"access", "ledger"},
		why: "it stores records, its own, those of keys and of the book, and computes none"},
	{dir: "dashboards", may: []string{
		"advise", "anomaly", "billing", "forecast", "ledger", "limits", "pricing", "report",
	}, why: "a page is a view of results; where they come from is the caller's business"},
	{dir: "deploy",
		why: "placing a function into a cluster is a conversation with the cluster alone"},
	{dir: "jobs", may: middle,
		why: "a job calls the rooms of the middle on their slots"},
	{dir: "api", may: slices.Concat(middle, edges),
		why: "it serves everything, and nobody but cmd may lean on it"},
	{dir: "cmd", may: slices.Concat(middle, edges, []string{
		"api", "collect/tracker", "collect/tracker/fibertracker", "demo", "internal",
	}), why: "main wires, and shows simulated data that tests made first"},

	{dir: "demo", may: []string{"ingest", "internal"},
		why: "it talks to a server by its public API, with the encoder and the fleet of the tests"},
	{dir: "examples", alone: true,
		why: "a reference function could be anybody's"},
	{dir: "internal", may: slices.Concat(middle, edges),
		why: "what tests share may use what they test; the program itself does not lean on it"},
	{dir: "internal/diskfault",
		why: "it makes disks that fail, for whoever keeps something on one"},
	{dir: "internal/pgtest", may: []string{"postgres"},
		why: "a schema a test, built by the real migrations"},
}

// arrows reports imports that the plan does not have.
func arrows(r *Repo, out *Report) {
	for _, f := range r.source() {
		from, found := roomOf(f.dir())
		if !found {
			out.line(f, 0,
				"folder %q is in no room: give it a line in internal/tidy/arrows.go", f.dir())
			continue
		}
		for _, spec := range f.Go.Imports {
			if text := forbidden(r, from, importPath(spec)); text != "" {
				out.at(f, spec, "%s", text)
			}
		}
	}
}

// forbidden says why the room may not import the package, or nothing.
func forbidden(r *Repo, from room, imported string) string {
	dir, inside := r.dirOf(imported)
	if !inside {
		if from.std && !isStd(imported) && !slices.Contains(from.but, imported) {
			return fmt.Sprintf("%q may import the standard library only, not %q: %s",
				from.dir, imported, from.why)
		}
		return ""
	}
	to, _ := roomOf(dir)
	switch {
	case to.dir == from.dir, slices.Contains(from.may, to.dir):
		return ""
	case to.dir == "." && !from.std && !from.alone:
		return ""
	}
	return fmt.Sprintf("%q may not import %q: %s", from.dir, dir, from.why)
}

// roomOf returns the room with the longest folder that holds dir.
func roomOf(dir string) (room, bool) {
	var best room
	found := false
	for _, candidate := range rooms {
		if holds(candidate.dir, dir) && len(candidate.dir) >= len(best.dir) {
			best, found = candidate, true
		}
	}
	return best, found
}

// holds reports whether dir is the room's folder or below it. The root package
// is one folder: what is below it are other rooms.
func holds(room, dir string) bool {
	return dir == room || room != "." && within(dir, room)
}

// within reports whether the path is dir or below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// withinAny reports whether the path is one of the folders or below one.
func withinAny(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return within(p, dir) })
}

// dirOf returns the folder of a package of the module.
func (r *Repo) dirOf(imported string) (string, bool) {
	if imported == r.Module {
		return ".", true
	}
	return strings.CutPrefix(imported, r.Module+"/")
}

// isStd reports whether the package is of the standard library: only there the
// first element of a path has no dot.
func isStd(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// importPath returns the path of an import without its quotes.
func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic("BUG: the parser accepted import " + spec.Path.Value)
	}
	return p
}
