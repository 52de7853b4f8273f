package private

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNoBinaries says that the machine has no Postgres server we can run.
var ErrNoBinaries = errors.New("no PostgreSQL server binaries found: install them " +
	"(apt install postgresql, dnf install postgresql-server, brew install postgresql) " +
	"or give --database-url")

// oldestMajor is the oldest major version that is not refused.
const oldestMajor = 14

// places lists where packagers put server binaries outside PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // PGDG packages for Fedora and kin
	"/opt/homebrew/opt/postgresql*/bin", // Homebrew on Apple silicon
	"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
}

// binaries is a folder with postgres and initdb of one major version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) postgres() string { return filepath.Join(b.dir, "postgres") }
func (b binaries) initdb() string   { return filepath.Join(b.dir, "initdb") }

// choose returns the binaries that fit the cluster: the given folder's, or the
// first found of the cluster's version; any version fits when there is no
// cluster yet (clusterMajor 0).
func choose(binDir string, places []string, clusterMajor int) (binaries, error) {
	found, err := candidates(binDir, places)
	if err != nil {
		return binaries{}, err
	}
	for _, b := range found {
		if clusterMajor == 0 || b.major == clusterMajor {
			return b, nil
		}
	}
	return binaries{}, fmt.Errorf("the cluster was made by PostgreSQL %d, but %s is PostgreSQL %d: "+
		"install version %d beside it, or move the data with pg_dump",
		clusterMajor, found[0].dir, found[0].major, clusterMajor)
}

// candidates returns at least one set of binaries or an error: those of binDir
// if it is given, else PATH's, then those of places, newest first.
func candidates(binDir string, places []string) ([]binaries, error) {
	if binDir != "" {
		b, err := inspect(binDir)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%q holds no PostgreSQL server: --postgres-bin is the folder of the "+
				"programs initdb and postgres, such as /usr/lib/postgresql/15/bin; without it those "+
				"that are installed are found", binDir)
		}
		if err != nil {
			return nil, fmt.Errorf("look for PostgreSQL in %q: %w", binDir, err)
		}
		return []binaries{b}, nil
	}
	var found []binaries
	for _, pattern := range places {
		dirs, _ := filepath.Glob(pattern) // errs only on a malformed pattern
		for _, dir := range dirs {
			if b, err := inspect(dir); err == nil {
				found = append(found, b)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return cmp.Compare(b.major, a.major) })
	if postgres, err := exec.LookPath("postgres"); err == nil {
		if b, err := inspect(filepath.Dir(postgres)); err == nil {
			found = slices.Insert(found, 0, b)
		}
	}
	if len(found) == 0 {
		return nil, ErrNoBinaries
	}
	return found, nil
}

var versionPattern = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// inspect checks that dir has both binaries and asks for their version.
func inspect(dir string) (binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return binaries{}, err
	}
	b := binaries{dir: dir}
	if _, err := os.Stat(b.initdb()); err != nil {
		return binaries{}, err
	}
	out, err := exec.Command(b.postgres(), "-V").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("run %s -V: %w", b.postgres(), err)
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("%s -V says %q", b.postgres(), out)
	}
	b.major, _ = strconv.Atoi(string(m[1])) // digits, by the pattern
	if b.major < oldestMajor {
		return binaries{}, fmt.Errorf("PostgreSQL %d is too old: %d is the oldest that will do",
			b.major, oldestMajor)
	}
	return b, nil
}

// clusterMajor returns the major version that made the home's cluster, 0 if
// there is none.
func clusterMajor(h home) (int, error) {
	text, err := os.ReadFile(filepath.Join(h.data(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	var major int
	if err == nil {
		major, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the cluster: %w", err)
	}
	return major, nil
}
