package tidy

import (
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	inlineCode = regexp.MustCompile("`[^`]*`")
	// [text](target) and ![text](target "title"), and [name]: target.
	inlineLink = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)`)
	namedLink  = regexp.MustCompile(`^\s{0,3}\[[^\]]+\]:\s+<?([^\s>]+)`)
	scheme     = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*:|//)`)
	heading    = regexp.MustCompile(`^(#{1,6})\s+(.*?)\s*#*\s*$`)
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// prose returns the lines of a Markdown document with code blocks emptied, so
// that line numbers stay right.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	fence := ""
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "":
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
			lines[i] = ""
		case strings.HasPrefix(trimmed, "```"), strings.HasPrefix(trimmed, "~~~"):
			fence, lines[i] = trimmed[:3], ""
		}
	}
	return lines
}

// documents returns the Markdown files outside testdata.
func (r *Repo) documents() []*File {
	var files []*File
	for _, f := range r.Files {
		if path.Ext(f.Path) == ".md" && !f.inTestdata() {
			files = append(files, f)
		}
	}
	return files
}

// links reports relative links in documents that lead to no file or to no
// heading.
func links(r *Repo, out *Report) {
	for _, f := range r.documents() {
		for i, line := range prose(f.Text) {
			for _, target := range targets(line) {
				if !r.leads(f, target) {
					out.line(f, i+1, "link to %q is dead", target)
				}
			}
		}
	}
}

func targets(line string) []string {
	line = inlineCode.ReplaceAllString(line, "")
	var found []string
	for _, m := range inlineLink.FindAllStringSubmatch(line, -1) {
		found = append(found, m[1])
	}
	if m := namedLink.FindStringSubmatch(line); m != nil {
		found = append(found, m[1])
	}
	return found
}

// leads reports whether the target is somewhere else's business or is here.
func (r *Repo) leads(from *File, target string) bool {
	if scheme.MatchString(target) {
		return true
	}
	p, fragment, _ := strings.Cut(target, "#")
	p, err := url.PathUnescape(p)
	if err != nil {
		return false
	}
	to := from.Path
	switch {
	case strings.HasPrefix(p, "/"):
		to = path.Clean(strings.TrimPrefix(p, "/"))
	case p != "":
		to = path.Join(from.dir(), p)
	}
	if !r.exists(to) {
		return false
	}
	doc := r.file(to)
	return fragment == "" || doc == nil || path.Ext(to) != ".md" || anchors(doc.Text)[fragment]
}

// anchors returns the names under which a reader's browser finds the headings,
// as GitHub makes them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, line := range prose(text) {
		m := heading.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name := anchor(m[2])
		for n, base := 1, name; found[name]; n++ {
			name = base + "-" + strconv.Itoa(n)
		}
		found[name] = true
	}
	return found
}

func anchor(title string) string {
	title = linkText.ReplaceAllString(title, "$1")
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case c == '-', c == '_', unicode.IsLetter(c), unicode.IsDigit(c):
			return unicode.ToLower(c)
		}
		return -1
	}, title)
}

// headings reports documents that do not have exactly one heading of the first
// level, at their beginning.
func headings(r *Repo, out *Report) {
	for _, f := range r.documents() {
		first := 0 // The level of the document's first heading.
		tops := 0
		for i, line := range prose(f.Text) {
			m := heading.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			level := len(m[1])
			if first == 0 {
				first = level
			}
			if level > 1 {
				continue
			}
			if tops++; tops > 1 {
				out.line(f, i+1, "a second heading of the first level")
			}
		}
		if first != 1 {
			out.line(f, 0, "does not begin with a heading of the first level")
		}
	}
}
