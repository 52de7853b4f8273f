package tidy

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// ignore is the patterns of the root's .gitignore. It knows the forms that
// stand there: a name, a path from the root, and a slash behind a folder.
type ignore []string

func readIgnore(fsys fs.FS) (ignore, error) {
	content, err := fs.ReadFile(fsys, ".gitignore")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read .gitignore: %w", err)
	}
	var ig ignore
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "!") || strings.Contains(line, "**") {
			return nil, fmt.Errorf(".gitignore: pattern %q is of a form that is not read here", line)
		}
		ig = append(ig, line)
	}
	return ig, nil
}

// ignoredInput reports input of tests that .gitignore leaves out: a clone has
// not got it, and what passes here fails there.
func ignoredInput(r *Repo, out *Report) {
	for _, p := range r.left {
		if inTestdata(p) {
			out.path(p, "ignored by .gitignore")
		}
	}
}

// match reports whether a pattern covers the path.
func (ig ignore) match(p string, isDir bool) bool {
	for _, pattern := range ig {
		rest, onlyDir := strings.CutSuffix(pattern, "/")
		if onlyDir && !isDir {
			continue
		}
		subject := path.Base(p)
		if strings.Contains(rest, "/") {
			subject, rest = p, strings.TrimPrefix(rest, "/")
		}
		if ok, err := path.Match(rest, subject); ok && err == nil {
			return true
		}
	}
	return false
}
