package storybook

import (
	"bytes"
	_ "embed" // list.html
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"invoq/dashboards"
)

// Config says how stories are served.
type Config struct {
	// Pages returns the pages for one request: the same ones, or what is on disk
	// now.
	Pages func() (*dashboards.Pages, error)
	// Contract is the API's openapi.yaml.
	Contract []byte
}

// Handler serves the stories under their names, what they load, and a list of
// them at the root, with the headers that a server sends.
func Handler(cfg Config, stories []Story) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { list(w, stories) })
	mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(cfg.Contract)
	})
	mux.HandleFunc("GET /assets/", func(w http.ResponseWriter, r *http.Request) {
		pages, err := cfg.Pages()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		a, err := pages.Asset(strings.TrimPrefix(r.URL.Path, "/assets/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		content, err := a.Content()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", a.Type)
		_, _ = w.Write(content)
	})
	for _, s := range stories {
		mux.HandleFunc("GET /"+s.Name, func(w http.ResponseWriter, _ *http.Request) { tell(w, cfg, s) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", dashboards.SecurityPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// tell answers with one page.
func tell(w http.ResponseWriter, cfg Config, s Story) {
	pages, err := cfg.Pages()
	var buf bytes.Buffer
	if err == nil {
		err = pages.Render(&buf, s.Page, s.View)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if s.Status != 0 {
		w.WriteHeader(s.Status)
	}
	_, _ = buf.WriteTo(w)
}

//go:embed list.html
var listHTML string

var listing = template.Must(template.New("list").Parse(listHTML))

// list answers with links to all pages.
func list(w http.ResponseWriter, stories []Story) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := listing.Execute(w, stories); err != nil {
		fmt.Fprintln(w, err)
	}
}
