package tidy

import "strings"

// shortLines is the length up to which a function counts as short.
const shortLines = 40

// share is a property that most of the code has. The floor is a ratchet: it
// may be raised when the code has become better, and is never lowered.
type share struct {
	name    string
	floor   float64 // percent
	measure func(*Repo) (part, whole int)
}

var floors = []share{
	{"functions of at most 40 lines", 90, shortFunctions},
	{"lines with a comment among lines that are not empty", 15, commentLines},
}

// shares reports properties that fell below their floor. They belong to the
// whole repository, so the problem stands at its root.
func shares(r *Repo, out *Report) {
	for _, s := range floors {
		if percent := s.percent(r); percent < s.floor {
			out.path(".", "%s: %.1f %%, at least %.0f %%", s.name, percent, s.floor)
		}
	}
}

// percent returns the share from 0 to 100; nothing is all of nothing.
func (s share) percent(r *Repo) float64 {
	part, whole := s.measure(r)
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

func shortFunctions(r *Repo) (short, all int) {
	for _, f := range r.source() {
		for _, fn := range f.functions() {
			all++
			if f.bodyLines(fn) <= shortLines {
				short++
			}
		}
	}
	return short, all
}

// commentLines counts lines that hold a comment, beside code or alone.
func commentLines(r *Repo) (comments, all int) {
	for _, f := range r.source() {
		for line := range strings.Lines(f.Text) {
			if strings.TrimSpace(line) != "" {
				all++
			}
		}
		for _, group := range f.Go.Comments {
			comments += f.fset.Position(group.End()).Line - f.line(group) + 1
		}
	}
	return comments, all
}
