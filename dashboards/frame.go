package dashboards

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// SecurityPolicy is the Content-Security-Policy of every page: what they load
// comes from our own host, and nothing that stands in a page runs or styles.
const SecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Frame is what every page has around it.
type Frame struct {
	Title string
	// Section is the part of the navigation that the page belongs to:
	// "overview", "margins", "docs" or none.
	Section string
	// Viewer is who looks at the page; nil when nobody is signed in.
	Viewer *Viewer
}

// Viewer is who looks at a page.
type Viewer struct {
	// Owner sees everybody; others see their own tenant.
	Owner bool
	// Costs says that real costs, and so margins, may be seen.
	Costs bool
	// Name is the tenant's; an owner has none.
	Name string
}

// Site is where the server can be reached, as its caller reached it.
type Site struct {
	base string
}

// hostForm is what a host with a port looks like. The caller says it, and
// snippets that people paste into a shell repeat it.
var hostForm = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// NewSite takes the host of a request, with its port, and whether it came by
// https.
func NewSite(host string, secure bool) Site {
	if !hostForm.MatchString(host) {
		host = "your-invoq-host"
	}
	if secure {
		return Site{"https://" + host}
	}
	return Site{"http://" + host}
}

// Base returns the address without a slash at its end.
func (s Site) Base() string { return s.base }

// Notice is something that the reader has to know before the figures.
type Notice struct {
	Kind  string // "problem", "warning" or "note"
	Title string
	Text  string
	// Items are what it is about, one by one.
	Items []string
	// Href and Link lead on; empty where there is nowhere to go.
	Href, Link string
	Steps      []Step
}

// Card is one figure that stands out.
type Card struct {
	Label string
	Figure
	Note string
}

// plural joins a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(itoa(n)) + " " + many
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	_, first := utf8.DecodeRuneInString(s)
	s = strings.ToUpper(s[:first]) + s[first:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
