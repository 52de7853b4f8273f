package private

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// install puts a postgres into dir that knows its version and nothing else:
// no machine has all the versions that the choice is between.
func install(t *testing.T, dir, version string) string {
	t.Helper()
	noError(t, os.MkdirAll(dir, 0o755))
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		noError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

func TestChoose(t *testing.T) {
	root := t.TempDir()
	path := install(t, filepath.Join(root, "path"), "15.4 (Debian 15.4-1)")
	nine := install(t, filepath.Join(root, "lib/9/bin"), "9.6.24")
	sixteen := install(t, filepath.Join(root, "lib/16/bin"), "16.1")
	eighteen := install(t, filepath.Join(root, "lib/18/bin"), "18beta1")
	noError(t, os.MkdirAll(filepath.Join(root, "lib/19/bin"), 0o755)) // a client package
	lib := []string{filepath.Join(root, "lib/*/bin")}

	f := func(name, pathDir, binDir string, cluster int, want string) {
		t.Helper()
		t.Setenv("PATH", pathDir)
		bin, err := choose(binDir, lib, cluster)
		if err != nil || bin.dir != want {
			t.Errorf("%s: %+v, %v, want %q", name, bin, err, want)
		}
	}
	f("the newest", "", "", 0, eighteen)
	f("PATH comes first", path, "", 0, path)
	f("what is named comes before", path, sixteen, 0, sixteen)
	f("the cluster's own", path, "", 16, sixteen)

	fail := func(pathDir, binDir string, places []string, cluster int, words ...string) {
		t.Helper()
		t.Setenv("PATH", pathDir)
		_, err := choose(binDir, places, cluster)
		saysAll(t, err, words...)
	}
	fail(path, "", lib, 17, "made by PostgreSQL 17", "PostgreSQL 15", path, "pg_dump")
	fail(path, sixteen, lib, 15, "made by PostgreSQL 15", sixteen)
	fail(path, nine, lib, 0, nine, "PostgreSQL 9 is too old")
	fail("", root, lib, 0, root, "holds no PostgreSQL server", "--postgres-bin", "initdb")
	fail("", "", nil, 0, "apt install", "dnf install", "brew install", "--database-url")
}

func TestStartWithoutBinaries(t *testing.T) {
	empty := t.TempDir()
	_, err := Start(t.Context(), Config{Dir: newDir(t), BinDir: empty})
	saysAll(t, err, empty)
	t.Setenv("PATH", empty)
	if _, err := choose("", nil, 0); !errors.Is(err, ErrNoBinaries) {
		t.Errorf("got %v", err)
	}
}

func TestClusterOfAnotherVersionIsRefused(t *testing.T) {
	needBinaries(t)
	dir := newDir(t)
	noError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	version := filepath.Join(dir, "data/PG_VERSION")
	noError(t, os.WriteFile(version, []byte("12\n"), 0o600))
	_, err := Start(t.Context(), Config{Dir: dir})
	saysAll(t, err, "made by PostgreSQL 12", "install version 12")
	noError(t, os.WriteFile(version, nil, 0o600))
	_, err = Start(t.Context(), Config{Dir: dir})
	saysAll(t, err, "read the version of the cluster")
}

func TestAlarming(t *testing.T) {
	f := func(line string, want bool) {
		t.Helper()
		if got := alarming(line); got != want {
			t.Errorf("alarming(%q) = %v", line, got)
		}
	}
	f("LOG:  database system is ready to accept connections", false)
	f("FATAL:  the database system is starting up", false)
	f(`ERROR:  duplicate key value violates unique constraint "ledger_keys_pkey"`, false)
	f(`ERROR:  duplicate key value violates unique constraint "bills_pkey"`, true)
	f("FATAL:  the database system is shutting down", false)
	f("FATAL:  could not map anonymous shared memory: Cannot allocate memory", true)
	f("ERROR:  deadlock detected", true)
	f("WARNING:  there is no transaction in progress", true)
	f("PANIC:  could not write to file: No space left on device", true)
	f("LOG:  ERROR:  said a user", false)
	f("", false)
}
