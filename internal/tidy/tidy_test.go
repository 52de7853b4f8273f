package tidy

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// The repository keeps its own rules.
func TestRepository(t *testing.T) {
	repo := readRepository(t)
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, p := range check(rule, repo) {
				t.Errorf("%s\n\twhy: %s", p, rule.Why)
			}
		})
	}
	for _, s := range floors {
		t.Logf("%s: %.1f %% (floor %.0f %%)", s.name, s.percent(repo), s.floor)
	}
}

func check(rule Rule, repo *Repo) []Problem {
	var out Report
	rule.Check(repo, &out)
	return out.Problems
}

// The snapshot is of this repository and not of an empty folder, in which
// every rule would hold.
func TestRepositoryIsRead(t *testing.T) {
	repo := readRepository(t)
	if repo.Module != "invoq" {
		t.Errorf("module is %q, want invoq", repo.Module)
	}
	for _, p := range []string{"doc.go", "cmd/invoq/main.go", "internal/tidy/repo.go"} {
		if f := repo.file(p); f == nil || f.Go == nil {
			t.Errorf("%s was not read as Go", p)
		}
	}
	for _, f := range repo.Files {
		if strings.HasPrefix(f.Path, ".git/") {
			t.Fatalf("%s was read", f.Path)
		}
	}
}

func readRepository(t *testing.T) *Repo {
	t.Helper()
	root := filepath.Join("..", "..")
	repo, err := Read(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// Every rule finds the problems of its bad example, all of them and no others.
func TestEveryRuleCanFail(t *testing.T) {
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			files, want := example(t, rule.Name)
			repo, err := Read(files)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range check(rule, repo) {
				got = append(got, p.String())
			}
			if len(want) == 0 {
				t.Fatal("the bad example wants no problem: it cannot show that the rule fails")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// example returns the rule's bad example and the problems it must report: the
// archive's file "want", a line each.
func example(t *testing.T, rule string) (fstest.MapFS, []string) {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", rule+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	var want []string
	for _, f := range archive.Files {
		if f.Name == "want" {
			want = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
			continue
		}
		files[f.Name] = &fstest.MapFile{Data: grow(t, f.Data)}
	}
	return files, want
}

var repeatLine = regexp.MustCompile(`(?m)^#repeat (\d+) (.*)\n`)

// grow writes out lines of the form "#repeat 500 text", so that an example of
// something long is short.
func grow(t *testing.T, data []byte) []byte {
	t.Helper()
	return repeatLine.ReplaceAllFunc(data, func(line []byte) []byte {
		m := repeatLine.FindSubmatch(line)
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Repeat(append(m[2], '\n'), n)
	})
}
