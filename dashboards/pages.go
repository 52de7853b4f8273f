package dashboards

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"path"

	"invoq"
)

//go:embed pages/*.html assets
var files embed.FS

// Pages renders pages. It is safe for concurrent use.
type Pages struct {
	templates *template.Template
}

// New parses the embedded templates.
func New() (*Pages, error) {
	t, err := template.ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	return &Pages{templates: t}, nil
}

// Render writes the page of that name from its view, all or nothing.
func (p *Pages) Render(w io.Writer, name string, view any) error {
	var buf bytes.Buffer
	if err := p.templates.ExecuteTemplate(&buf, name+".html", view); err != nil {
		return fmt.Errorf("render page %q: %w", name, err)
	}
	_, err := buf.WriteTo(w)
	return err
}

// Asset returns an embedded file and its content type.
func Asset(name string) (content []byte, contentType string, err error) {
	b, err := fs.ReadFile(files, path.Join("assets", path.Clean("/"+name)))
	if err != nil {
		return nil, "", invoq.Errorf(invoq.KindNotFound, "no asset %q", name)
	}
	return b, mime.TypeByExtension(path.Ext(name)), nil
}

// LoginView is what the sign-in page shows.
type LoginView struct {
	// Problem says why the last attempt failed; empty at first.
	Problem string
}

// ErrorView is what the error page shows.
type ErrorView struct {
	Status    int
	Title     string
	Detail    string
	RequestID string
}
