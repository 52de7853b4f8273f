package tidy

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestReadLeavesOutWhatIsNotOurs(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("x")}
	repo, err := Read(fstest.MapFS{
		".gitignore":              {Data: []byte("# built\n/bin/\n\n*.prof\n/out\ndata/\n")},
		".git/config":             file,
		".idea/x.xml":             file,
		".ci/run":                 file,
		".golangci.yml":           file,
		"bin/invoq":               file,
		"cmd/bin/kept":            file,
		"cpu.prof":                file,
		"deep/mem.prof":           file,
		"out":                     file,
		"deep/out":                file,
		"deep/data/x":             file,
		"data":                    file, // A file: the pattern is of folders.
		"tsdb/testdata/broken.go": {Data: []byte("pack age")},
		"logo.png":                {Data: []byte{0x89, 'P', 0xff}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range repo.Files {
		got = append(got, f.Path)
	}
	want := []string{
		".ci/run", ".gitignore", ".golangci.yml", "cmd/bin/kept", "data", "deep/out", "logo.png",
		"tsdb/testdata/broken.go",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if repo.file("logo.png").Text != "" {
		t.Error("a picture was read as text")
	}
	if repo.file("tsdb/testdata/broken.go").Go != nil {
		t.Error("a file of testdata was read as Go")
	}
}

func TestReadSaysWhatItCannotRead(t *testing.T) {
	f := func(name, content, want string) {
		t.Helper()
		_, err := Read(fstest.MapFS{name: {Data: []byte(content)}})
		if err == nil || err.Error() != want {
			t.Errorf("Read of %s with %q: %v, want %s", name, content, err, want)
		}
	}
	f(".gitignore", "!keep\n", `.gitignore: pattern "!keep" is of a form that is not read here`)
	f(".gitignore", "a/**/b\n", `.gitignore: pattern "a/**/b" is of a form that is not read here`)
	f("a.go", "pack age a", `read "a.go": a.go:1:1: expected 'package', found pack`)
}

func TestFileLines(t *testing.T) {
	f := func(text string, want int) {
		t.Helper()
		if got := (&File{Text: text}).lines(); got != want {
			t.Errorf("%q has %d lines, want %d", text, got, want)
		}
	}
	f("", 0)
	f("a", 1)
	f("a\n", 1)
	f("a\nb", 2)
}
