package tidy

import (
	"fmt"
	"go/ast"
)

// Problem is one place that breaks a rule.
type Problem struct {
	Path string
	Line int // 0: the whole file or folder
	Text string
}

// String returns path:line: text, which editors turn into a link.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Path + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Text)
}

// Report collects problems.
type Report struct {
	Problems []Problem
}

// at adds a problem at the node.
func (o *Report) at(f *File, n ast.Node, format string, args ...any) {
	o.line(f, f.line(n), format, args...)
}

// line adds a problem at the line, or of the whole file when it is 0.
func (o *Report) line(f *File, line int, format string, args ...any) {
	o.Problems = append(o.Problems, Problem{f.Path, line, fmt.Sprintf(format, args...)})
}

// path adds a problem of a folder, or of a file that is not in the snapshot.
func (o *Report) path(p, format string, args ...any) {
	o.Problems = append(o.Problems, Problem{Path: p, Text: fmt.Sprintf(format, args...)})
}

// Rule is one thing that holds everywhere in the repository.
type Rule struct {
	// Name is one word; testdata/NAME.txtar is the example that breaks it.
	Name string
	// Why is printed beside each problem.
	Why string
	// Check reports the problems in order of the files.
	Check func(*Repo, *Report)
}

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{
		{"arrows", "data runs one way; a room imports the root and what its job names", arrows},
		{"owners", "a technology has one home, so that it can be replaced there", owners},
		{"pure", "the same numbers in, the same numbers out: no clock, disk, network or log", pure},
		{"sql", "all SQL stands in postgres, where the schema is", sqlStaysHome},
		{"environment", "flags and the environment are read in cmd and handed down", environment},
		{"init", "main wires: nothing runs before it", noInit},
		{"panics", "a panic is a broken invariant, and says so to whoever reads the log", panics},
		{"sleep", "a test that sleeps is slow or flaky: use testing/synctest or a signal", sleeps},
		{"exported", "a stranger reads the comment before the code", exportedDocs},
		{"docgo", "a folder says what it owns and what it does not", docGo},
		{"generated", "a .gen.go file is exempt from rules, so it must be generated", generated},
		{"filelines", "one idea a file", fileLines},
		{"funclines", "a function fits a screen", functionLines},
		{"shares", "most functions are small and most code is explained", shares},
		{"bytes", "a clone stays small", fileBytes},
		{"ignored", "what passes here passes in a clone", ignoredInput},
		{"migrations", "a schema grows in one order, and every step has its way back", migrations},
		{"links", "a document leads somewhere", links},
		{"headings", "a document has one subject", headings},
		{"words", "each pattern in the table has its reason", words},
		{"paths", "each pattern in the table has its reason", paths},
		{"gomod", "a build is what go.mod says, from released versions", goMod},
	}
}
