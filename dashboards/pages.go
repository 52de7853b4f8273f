package dashboards

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed pages/*.html pages/alone/*.html assets
var embedded embed.FS

// layout is the file that all pages stand in.
const layout = "pages/base.html"

// Pages renders pages. It is safe for concurrent use.
type Pages struct {
	templates map[string]*template.Template
	assets    map[string]*Asset
}

// New reads the embedded templates and assets.
func New() (*Pages, error) { return NewFrom(embedded) }

// NewFrom reads templates from the folder pages and assets from the folder
// assets, for those who work on them.
func NewFrom(files fs.FS) (*Pages, error) {
	p := &Pages{templates: map[string]*template.Template{}}
	var err error
	if p.assets, err = readAssets(files); err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	base, err := template.New(
		path.Base(layout),
	).Funcs(
		template.FuncMap{"asset": p.url},
	).ParseFS(
		files,
		layout,
	)
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("list pages: %w", err)
	}
	for _, name := range names {
		if name == layout {
			continue
		}
		page, err := base.Clone()
		if err == nil {
			page, err = page.ParseFS(files, name)
		}
		if err != nil {
			return nil, fmt.Errorf("parse page %q: %w", name, err)
		}
		p.templates[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return p, nil
}

// Render writes the page of that name from its view, all or nothing.
func (p *Pages) Render(w io.Writer, name string, view any) error {
	page := p.templates[name]
	if page == nil {
		return fmt.Errorf("render page %q: there is none", name)
	}
	var buf bytes.Buffer
	if err := page.Execute(&buf, view); err != nil {
		return fmt.Errorf("render page %q: %w", name, err)
	}
	_, err := buf.WriteTo(w)
	return err
}

// LoginView is what the sign-in page shows.
type LoginView struct {
	Frame
	// Problem says why the last attempt did not work; empty at first.
	Problem string
}

// NewLogin makes the sign-in page.
func NewLogin(problem string) LoginView {
	return LoginView{Frame: Frame{Title: "Sign in"}, Problem: sentence(problem)}
}

// ErrorView is what the error page shows.
type ErrorView struct {
	Frame
	Status int
	// Detail says what is wrong and what to do about it.
	Detail string
	// RequestID is where the server's log has the cause; empty where it has none.
	RequestID string
}

// NewError makes the page of an error, for a viewer who may be nobody. What the
// caller did wrong is not in the log.
func NewError(status int, title, detail, requestID string, viewer *Viewer) ErrorView {
	if status < http.StatusInternalServerError {
		requestID = ""
	}
	return ErrorView{
		Frame: Frame{
			Title:  title,
			Viewer: viewer,
		},
		Status:    status,
		Detail:    sentence(detail),
		RequestID: requestID,
	}
}

// DocsView is what the page of the API's contract shows.
type DocsView struct{ Frame }

// NewDocs makes the page of the API's contract.
func NewDocs(viewer *Viewer) DocsView {
	return DocsView{Frame{Title: "API", Section: "docs", Viewer: viewer}}
}
