package tidy

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	// sqlStatement matches text that begins as a statement does.
	sqlStatement = regexp.MustCompile(`(?is)^\s*(SELECT\s.+\sFROM|INSERT\s+INTO|` +
		`UPDATE\s+\S+\s+SET|DELETE\s+FROM|(CREATE|ALTER|DROP)\s+(TABLE|SCHEMA|INDEX|ROLE))\s`)
	// sentence matches text that begins as prose does: "Select a plan from …".
	sentence = regexp.MustCompile(`^\s*[A-Z][a-z]`)
)

// sqlHomes are the rooms that may hold SQL.
var sqlHomes = []string{"postgres", "internal/pgtest"}

// sqlStaysHome reports SQL outside its rooms.
func sqlStaysHome(r *Repo, out *Report) {
	for _, f := range r.source() {
		home, _ := roomOf(f.dir())
		if slices.Contains(sqlHomes, home.dir) {
			continue
		}
		ast.Inspect(f.Go, func(n ast.Node) bool {
			if text, ok := stringLiteral(n); ok && isSQL(text) {
				out.at(f, n, "SQL outside postgres")
			}
			return true
		})
	}
}

func isSQL(text string) bool {
	return sqlStatement.MatchString(text) && !sentence.MatchString(text)
}

// stringLiteral returns the value of a node that is a string in quotes.
func stringLiteral(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// environmentHomes are the folders that may read flags and the environment:
// programs, and what only tests use.
var environmentHomes = []string{"cmd", "examples", "internal"}

// environmentAllowed names the files that read it for another reason than
// configuration, with that reason.
var environmentAllowed = map[string]string{
	"postgres/private/account.go": "a child process needs the PATH and gets nothing else",
}

// environment reports flags and environment variables below main.
func environment(r *Repo, out *Report) {
	for _, f := range r.source() {
		if withinAny(f.Path, environmentHomes) || environmentAllowed[f.Path] != "" {
			continue
		}
		for _, use := range f.uses("os", "Getenv", "LookupEnv", "Environ", "Args") {
			out.at(f, use, "os.%s below main", use.Sel.Name)
		}
		for _, spec := range f.Go.Imports {
			if importPath(spec) == "flag" {
				out.at(f, spec, "package flag below main")
			}
		}
	}
}

// noInit reports init functions.
func noInit(r *Repo, out *Report) {
	for _, f := range r.source() {
		for _, decl := range f.Go.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				out.at(f, fn, "func init")
			}
		}
	}
}

// panicsAllowed names the files whose panics are somebody else's, with the
// reason.
var panicsAllowed = map[string]string{}

// panics reports panics that do not begin with "BUG:".
func panics(r *Repo, out *Report) {
	for _, f := range r.source() {
		if panicsAllowed[f.Path] != "" {
			continue
		}
		ast.Inspect(f.Go, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 || namesABug(call.Args[0]) {
				return true
			}
			if fn, ok := call.Fun.(*ast.Ident); ok && fn.Name == "panic" {
				out.at(f, call, `the panic does not begin with "BUG:"`)
			}
			return true
		})
	}
}

// namesABug reports whether the text begins with "BUG:", as far as it can be
// read: a literal, a sum that begins with one, or a call that formats one.
func namesABug(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return namesABug(e.X)
	case *ast.CallExpr:
		return len(e.Args) > 0 && namesABug(e.Args[0])
	}
	text, ok := stringLiteral(e)
	return ok && strings.HasPrefix(text, "BUG: ")
}

// sleepsAllowed names the test files that must sleep, with the reason.
var sleepsAllowed = map[string]string{}

// sleeps reports time.Sleep in tests outside a synctest bubble, where sleeping
// takes no time.
func sleeps(r *Repo, out *Report) {
	for _, f := range r.Files {
		if f.Go == nil || !f.isTest() || sleepsAllowed[f.Path] != "" {
			continue
		}
		bubble := f.localName("testing/synctest")
		slept := f.localName("time")
		ast.Inspect(f.Go, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if ok && isSelector(sel, bubble, []string{"Test"}) {
				return false
			}
			if ok && isSelector(sel, slept, []string{"Sleep"}) {
				out.at(f, call, "a test sleeps")
			}
			return true
		})
	}
}
