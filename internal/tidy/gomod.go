package tidy

import (
	"path"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// unreleased are the modules that we ask for at a commit because they publish
// no version that would do, with the reason.
var unreleased = map[string]string{
	"golang.org/x/perf":          "benchstat has no released version",
	"github.com/tdewolff/canvas": "no released version; the pure Go that shapes Arabic into PDF",
}

// goMod reports what makes a build differ from what its go.mod says, and
// modules of our own choice that are not released. What those choose for
// themselves is their business.
func goMod(r *Repo, out *Report) {
	for _, f := range r.Files {
		if path.Base(f.Path) != "go.mod" || f.inTestdata() {
			continue
		}
		mod, err := modfile.Parse(f.Path, []byte(f.Text), nil)
		if err != nil {
			out.line(f, 0, "%v", err)
			continue
		}
		for _, line := range mod.Replace {
			out.line(f, line.Syntax.Start.Line, "replace: %s", line.Old.Path)
		}
		for _, line := range mod.Exclude {
			out.line(f, line.Syntax.Start.Line, "exclude: %s", line.Mod.Path)
		}
		for _, req := range mod.Require {
			if chosen(mod, req) && atCommit(req) {
				out.line(f, req.Syntax.Start.Line, "unreleased: %s", req.Mod)
			}
		}
	}
}

// chosen reports whether we import the module or use a tool of it.
func chosen(mod *modfile.File, req *modfile.Require) bool {
	for _, tool := range mod.Tool {
		if within(tool.Path, req.Mod.Path) {
			return true
		}
	}
	return !req.Indirect
}

// atCommit reports whether the module is asked for at a commit without a
// reason in the table.
func atCommit(req *modfile.Require) bool {
	return module.IsPseudoVersion(req.Mod.Version) && unreleased[req.Mod.Path] == ""
}
