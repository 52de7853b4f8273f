package tidy

import (
	"go/ast"
	"path"
	"strings"
)

// exportedDocs reports exported names without a comment. Methods of a type
// that is not exported are reached through interfaces, which explain them.
func exportedDocs(r *Repo, out *Report) {
	for _, f := range r.source() {
		for _, decl := range f.Go.Decls {
			for _, name := range undocumented(decl) {
				out.at(f, name, "%s has no comment", name.Name)
			}
		}
	}
}

// undocumented returns the exported names of the declaration that neither
// their own comment nor their group's explains.
func undocumented(decl ast.Decl) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && receiverExported(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return nil
		}
		var names []*ast.Ident
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(spec)...)
		}
		return names
	}
	return nil
}

func undocumentedSpec(spec ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Doc == nil && s.Name.IsExported() {
			names = append(names, s.Name)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if s.Doc == nil && s.Comment == nil && name.IsExported() {
				names = append(names, name)
			}
		}
	}
	return names
}

// receiverExported reports whether the function is no method, or one of an
// exported type.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr: // A generic receiver: T[P].
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// docGo reports package folders without a doc.go that explains the package.
func docGo(r *Repo, out *Report) {
	seen := map[string]bool{}
	for _, f := range r.source() {
		dir := f.dir()
		if seen[dir] {
			continue
		}
		seen[dir] = true
		doc := r.file(path.Join(dir, "doc.go"))
		if doc == nil || doc.Go == nil || doc.Go.Doc == nil {
			out.path(dir, "no doc.go with a package comment")
		}
	}
}

// generated reports files that carry the name of generated ones only.
func generated(r *Repo, out *Report) {
	for _, f := range r.Files {
		if f.Go != nil && strings.HasSuffix(f.Path, ".gen.go") && !f.isGenerated() {
			out.line(f, 0, `no "Code generated ... DO NOT EDIT." line`)
		}
	}
}
