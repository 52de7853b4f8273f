package tidy

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Limits of size. A function that must be longer says why on its own line, for
// this rule and for the linter: //nolint:funlen // reason.
const (
	maxFileLines     = 500
	maxFunctionLines = 70
	maxFileBytes     = 2 << 20
)

// code are the kinds of files whose length is limited.
var code = []string{".go", ".sql", ".js", ".css", ".sh"}

var allowedLong = regexp.MustCompile(`//nolint:funlen // \S`)

// fileLines reports files of code that are too long. Generated files and
// scripts that were made small by a machine are not read by anybody.
func fileLines(r *Repo, out *Report) {
	for _, f := range r.Files {
		if !slices.Contains(code, path.Ext(f.Path)) || f.isGenerated() || f.isMinified() {
			continue
		}
		if n := f.lines(); n > maxFileLines {
			out.line(f, 0, "%d lines, at most %d", n, maxFileLines)
		}
	}
}

// functionLines reports functions that are too long and do not say why.
func functionLines(r *Repo, out *Report) {
	for _, f := range r.source() {
		text := strings.Split(f.Text, "\n")
		for _, fn := range f.functions() {
			n := f.bodyLines(fn)
			if n <= maxFunctionLines || allowedLong.MatchString(text[f.line(fn)-1]) {
				continue
			}
			out.at(f, fn, "%s has %d lines, at most %d",
				fn.Name.Name, n, maxFunctionLines)
		}
	}
}

// functions returns the functions and methods of the file.
func (f *File) functions() []*ast.FuncDecl {
	var fns []*ast.FuncDecl
	for _, decl := range f.Go.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			fns = append(fns, fn)
		}
	}
	return fns
}

// bodyLines returns the lines between the function's first and last line, as
// the linter funlen counts them.
func (f *File) bodyLines(fn *ast.FuncDecl) int {
	return max(f.fset.Position(fn.End()).Line-f.line(fn)-1, 0)
}

// fileBytes reports files that make every clone heavy.
func fileBytes(r *Repo, out *Report) {
	for _, f := range r.Files {
		if f.Size > maxFileBytes {
			out.line(f, 0, "%d bytes, at most %d", f.Size, maxFileBytes)
		}
	}
}
