package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/modfile"
)

// maxTextBytes is the size up to which a file's content is read; the rule on
// sizes speaks about larger ones.
const maxTextBytes = maxFileBytes

const parseMode = parser.ParseComments | parser.SkipObjectResolution

// Repo is a snapshot of the files that belong to the repository, in order of
// their paths.
type Repo struct {
	// Module is the path of the root module, from go.mod.
	Module string
	Files  []*File
	// left are the paths of files that .gitignore leaves out.
	left []string
	fset *token.FileSet
}

// File is one file of the repository.
type File struct {
	// Path is relative to the root, with slashes.
	Path string
	// Size is in bytes.
	Size int64
	// Text is empty for a file that is not UTF-8 or is too large to be read.
	Text string
	// Go is nil unless the file is Go source outside testdata.
	Go   *ast.File
	fset *token.FileSet
}

// Read takes a snapshot of the tree. It leaves out what .gitignore names and
// folders that begin with a dot, but for those of continuous integration.
func Read(fsys fs.FS) (*Repo, error) {
	ignored, err := readIgnore(fsys)
	if err != nil {
		return nil, err
	}
	r := &Repo{fset: token.NewFileSet()}
	err = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == ".":
			return nil
		case d.IsDir() && (ignored.match(p, true) || hidden(p)):
			return fs.SkipDir
		case p == ".git": // A file in a second work tree.
			return nil
		case d.IsDir() || !d.Type().IsRegular():
			return nil
		case ignored.match(p, false):
			r.left = append(r.left, p)
			return nil
		}
		f, err := r.readFile(fsys, p)
		if err != nil {
			return fmt.Errorf("read %q: %w", p, err)
		}
		r.Files = append(r.Files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if f := r.file("go.mod"); f != nil {
		r.Module = modfile.ModulePath([]byte(f.Text))
	}
	return r, nil
}

// hidden reports whether the folder is some tool's and not ours.
func hidden(dir string) bool {
	base := path.Base(dir)
	return strings.HasPrefix(base, ".") && base != ".ci" && base != ".github"
}

func (r *Repo) readFile(fsys fs.FS, p string) (*File, error) {
	info, err := fs.Stat(fsys, p)
	if err != nil {
		return nil, err
	}
	f := &File{Path: p, Size: info.Size(), fset: r.fset}
	if f.Size > maxTextBytes {
		return f, nil
	}
	content, err := fs.ReadFile(fsys, p)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(content) {
		return f, nil
	}
	f.Text = string(content)
	if path.Ext(p) == ".go" && !f.inTestdata() {
		f.Go, err = parser.ParseFile(r.fset, p, content, parseMode)
	}
	return f, err
}

// file returns the file at the path, or nil.
func (r *Repo) file(p string) *File {
	for _, f := range r.Files {
		if f.Path == p {
			return f
		}
	}
	return nil
}

// exists reports whether the path is a file or a folder with files.
func (r *Repo) exists(p string) bool {
	for _, f := range r.Files {
		if p == "." || f.Path == p || strings.HasPrefix(f.Path, p+"/") {
			return true
		}
	}
	return false
}

// source returns the Go files that people wrote for the program: neither tests
// nor generated.
func (r *Repo) source() []*File {
	var files []*File
	for _, f := range r.Files {
		if f.Go != nil && !f.isTest() && !f.isGenerated() {
			files = append(files, f)
		}
	}
	return files
}

func (f *File) dir() string      { return path.Dir(f.Path) }
func (f *File) isTest() bool     { return strings.HasSuffix(f.Path, "_test.go") }
func (f *File) inTestdata() bool { return inTestdata(f.Path) }

func inTestdata(p string) bool { return strings.Contains("/"+p, "/testdata/") }

// isMinified reports whether a machine made the file small for browsers.
func (f *File) isMinified() bool {
	name := path.Base(f.Path)
	return strings.Contains(name, ".min.") || strings.Contains(name, "-bundle.")
}

// isGenerated needs both the name and the header, so that neither is a way
// around the rules.
func (f *File) isGenerated() bool {
	return strings.HasSuffix(f.Path, ".gen.go") && f.Go != nil && ast.IsGenerated(f.Go)
}

// line returns the line on which the node begins.
func (f *File) line(n ast.Node) int { return f.fset.Position(n.Pos()).Line }

// lines returns how many lines the text has.
func (f *File) lines() int {
	n := strings.Count(f.Text, "\n")
	if f.Text != "" && !strings.HasSuffix(f.Text, "\n") {
		n++
	}
	return n
}
