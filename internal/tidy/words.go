package tidy

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// word is text that stands nowhere.
type word struct {
	pattern *regexp.Regexp
	// in are the extensions it is looked for in; nil means every text.
	in []string
	// but matches lines that may have it all the same; nil matches none.
	but *regexp.Regexp
	why string
}

// pages are the extensions of what a browser is given.
var pages = []string{".html", ".tmpl", ".gohtml", ".svg"}

var forbiddenWords = []word{
	{pattern: regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`),
		why: "a note to oneself: do it, or leave it"},
	{pattern: regexp.MustCompile(`^(<{7}|>{7})( |$)`),
		why: "a merge was left half done"},
	{pattern: regexp.MustCompile("(^|[\\s\"'`(=:])/(home|Users|root|work)/"),
		but: regexp.MustCompile(`/home/linuxbrew/`), // The same on every machine.
		why: "a path of somebody's machine"},
	{pattern: regexp.MustCompile(`(?i)\b(issue|ticket|pull request|merge request)\s+#?\d`),
		in:  []string{".go", ".md", ".sql"},
		why: "the reason belongs here, not behind a number"},
	{pattern: regexp.MustCompile(`(?i)lorem` + ` ipsum`),
		why: "say something or nothing"},
	{pattern: regexp.MustCompile("[\"`]failed to "), in: []string{".go"},
		why: "an error says what was being done; that it failed is plain"},
	{pattern: regexp.MustCompile(`(?i)<(script|link|img|iframe|source|use)\b[^>]*` +
		`\b(src|href)\s*=\s*["']?(https?:)?//`), in: pages,
		why: "no page loads anything from another host"},
	{pattern: regexp.MustCompile(`@import\s|url\(\s*["']?(https?:)?//`), in: []string{".css"},
		why: "no page loads anything from another host"},
}

// find returns the word in the line of a file with the extension, or "".
func (w word) find(ext, line string) string {
	if w.in != nil && !slices.Contains(w.in, ext) {
		return ""
	}
	if w.but != nil && w.but.MatchString(line) {
		return ""
	}
	return strings.TrimSpace(w.pattern.FindString(line))
}

// unread are files that hold no words: checksums, licences, recorded input.
func unread(f *File) bool {
	return f.Text == "" || f.inTestdata() || path.Base(f.Path) == "go.sum" ||
		f.isMinified() || f.isGenerated()
}

// words reports text that stands nowhere.
func words(r *Repo, out *Report) {
	for _, f := range r.Files {
		if unread(f) {
			continue
		}
		n := 0
		for line := range strings.Lines(f.Text) {
			n++
			for _, w := range forbiddenWords {
				if found := w.find(path.Ext(f.Path), line); found != "" {
					out.line(f, n, "%s: %s", found, w.why)
				}
			}
		}
	}
}

// forbiddenPath is a name that no file or folder has.
type forbiddenPath struct {
	pattern *regexp.Regexp // of the whole path
	why     string
}

var forbiddenPaths = []forbiddenPath{
	{regexp.MustCompile(`(^|/)(utils?|common|helpers?|misc|types|models|shared|lib|pkg)/[^/]*\.go$`),
		"the folder's name says nothing of what it owns"},
	{regexp.MustCompile(`(^|/)(vendor|node_modules)/`),
		"dependencies are pinned, not copied"},
	{regexp.MustCompile(`(^|/)\.env(\.|$)|\.(pem|key|p12|pfx)$`),
		"secrets are made where they are used"},
	{regexp.MustCompile(`\.(orig|rej|swp|bak)$|~$|(^|/)\.DS_Store$`),
		"an editor left it"},
	{regexp.MustCompile(`\.(exe|so|dylib|a|o|class|jar|zip|tgz)$`),
		"what can be built is not kept"},
}

// paths reports names that no file has. Recorded input may be called anything.
func paths(r *Repo, out *Report) {
	for _, f := range r.Files {
		if f.inTestdata() {
			continue
		}
		for _, p := range forbiddenPaths {
			if p.pattern.MatchString(f.Path) {
				out.line(f, 0, "%s", p.why)
			}
		}
	}
}
