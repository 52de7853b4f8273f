package tidy

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
)

// purity is a folder whose code computes and does nothing else.
type purity struct {
	dir string
	// but are the files, as patterns of path.Match on the whole path, that do
	// the room's outside work.
	but []string
}

var pureRooms = []purity{
	{".", nil},
	{"forecast", nil},
	{"anomaly", []string{"anomaly/scan*.go"}},                           // The live scanner.
	{"pricing", []string{"pricing/run.go", "pricing/pricingtest/*.go"}}, // Reads script files.
}

// impurePackages are what pure code may not import, each with all below it.
var impurePackages = []string{
	"database/sql", "io/ioutil", "log", "math/rand", "net", "os", "syscall",
}

// harmless are packages below those that only compute: parsers, a plain
// interface, and random numbers that are the same everywhere for one seed.
var harmless = []string{
	"database/sql/driver", "math/rand/v2", "net/mail", "net/netip", "net/url",
}

// clock is the functions of package time that ask what time it is or wait.
var clock = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker",
}

// pure reports what makes a pure room depend on anything but its arguments.
func pure(r *Repo, out *Report) {
	for _, f := range r.source() {
		if !mustBePure(f) {
			continue
		}
		for _, spec := range f.Go.Imports {
			if imported := importPath(spec); isImpure(imported) {
				out.at(f, spec, "pure code imports %q", imported)
			}
		}
		for _, use := range f.uses("time", clock...) {
			out.at(f, use,
				"pure code calls time.%s: let the caller hand the time in", use.Sel.Name)
		}
	}
}

func mustBePure(f *File) bool {
	for _, p := range pureRooms {
		excepted := slices.ContainsFunc(p.but, func(pattern string) bool {
			ok, err := path.Match(pattern, f.Path)
			return ok && err == nil
		})
		if holds(p.dir, f.dir()) && !excepted {
			return true
		}
	}
	return false
}

func isImpure(imported string) bool {
	return !slices.Contains(harmless, imported) && withinAny(imported, impurePackages)
}

// uses returns where the file names one of the package's identifiers.
func (f *File) uses(pkg string, names ...string) []*ast.SelectorExpr {
	local := f.localName(pkg)
	var found []*ast.SelectorExpr
	ast.Inspect(f.Go, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && isSelector(sel, local, names) {
			found = append(found, sel)
		}
		return true
	})
	return found
}

func isSelector(sel *ast.SelectorExpr, pkg string, names []string) bool {
	x, ok := sel.X.(*ast.Ident)
	return ok && pkg != "" && x.Name == pkg && slices.Contains(names, sel.Sel.Name)
}

// localName returns the name under which the file knows the package, or ""
// when it does not import it.
func (f *File) localName(pkg string) string {
	for _, spec := range f.Go.Imports {
		if spec.Path.Value != strconv.Quote(pkg) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(pkg)
	}
	return ""
}
