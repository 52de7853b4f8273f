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
	in  []string
	why string
}

var forbiddenWords = []word{
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`), nil,
		"a note to oneself: do it, or leave it"},
	{regexp.MustCompile(`^(<{7}|>{7})( |$)`), nil,
		"a merge was left half done"},
	{regexp.MustCompile("(^|[\\s\"'`(=:])/(home|Users|root|work)/"), nil,
		"a path of somebody's machine"},
	{regexp.MustCompile(`(?i)\b(issue|ticket|pull request|merge request)\s+#?\d`),
		[]string{".go", ".md", ".sql"},
		"the reason belongs here, not behind a number"},
	{regexp.MustCompile(`(?i)lorem` + ` ipsum`), nil,
		"say something or nothing"},
	{regexp.MustCompile("[\"`]failed to "), []string{".go"},
		"an error says what was being done; that it failed is plain"},
	{regexp.MustCompile(`(?i)<(script|link|img|iframe|source|use)\b[^>]*` +
		`\b(src|href)\s*=\s*["']?(https?:)?//`),
		[]string{".html", ".tmpl", ".gohtml", ".svg"},
		"no page loads anything from another host"},
	{regexp.MustCompile(`@import\s|url\(\s*["']?(https?:)?//`), []string{".css"},
		"no page loads anything from another host"},
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
				inScope := w.in == nil || slices.Contains(w.in, path.Ext(f.Path))
				if found := w.pattern.FindString(line); inScope && found != "" {
					out.line(f, n, "%s: %s", strings.TrimSpace(found), w.why)
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
