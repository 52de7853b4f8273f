package private

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	socketName = ".s.PGSQL." + socketPort
	// maxSocketPath is how many bytes a socket's path may have: the kernel's
	// field less its final zero, 107 on Linux, 103 on macOS.
	maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1
)

// openSocketDir makes the folder for the socket, which only the account may
// enter: Dir/run, or if that does not do, one under the temp folder.
func openSocketDir(h home, a account, temp string) (string, error) {
	dir := h.run()
	if !fits(dir) {
		dir = filepath.Join(temp, "invoq-"+h.hash())
	}
	if !fits(dir) {
		return "", fmt.Errorf("the path of the socket in %q is too long (%d bytes are allowed) "+
			"or has a comma or a quote: choose another data folder or TMPDIR", dir, maxSocketPath)
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = a.checkOwn(dir)
	}
	if err == nil {
		err = a.own(dir)
	}
	if err != nil {
		return "", fmt.Errorf("make the socket's folder: %w", err)
	}
	return dir, nil
}

// checkOwn refuses a folder that somebody else may have put in our way, as
// anyone can under the temp folder.
func (a account) checkOwn(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	uid, _ := owner(info)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || uid != a.uid && uid != os.Geteuid() {
		return fmt.Errorf("%q is not a folder of mode 0700 of user %q: remove it", dir, a.name)
	}
	return nil
}

// fits reports whether the socket in dir has a path that the kernel, Postgres
// (which reads a list with commas and quotes) and pgx (commas) can take.
func fits(dir string) bool {
	return len(filepath.Join(dir, socketName)) <= maxSocketPath && !strings.ContainsAny(dir, `,"`)
}

// clearSocket removes what a killed postmaster left.
func clearSocket(dir string) error {
	for _, name := range []string{socketName, socketName + ".lock"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the stale socket: %w", err)
		}
	}
	return nil
}

// connectionURL is what pgx takes.
func connectionURL(socketDir, password, database string) string {
	// In a connection string + is a plus, unlike in a web form.
	host := strings.ReplaceAll(url.QueryEscape(socketDir), "+", "%20")
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, password),
		Path:     "/" + database,
		RawQuery: "host=" + host + "&port=" + socketPort,
	}
	return u.String()
}
