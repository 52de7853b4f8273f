package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user the server's processes run as.
type account struct {
	name     string
	uid, gid int
	// drop says that we are root and must become this user; otherwise it is
	// the user we are.
	drop bool
}

// chooseAccount returns who runs the cluster: we ourselves, unless we are
// root, whom Postgres refuses. Then it is the owner of the cluster, so that
// nothing changes hands, else postgres, else nobody.
func chooseAccount(h home) (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{name: strconv.Itoa(uid), uid: uid, gid: os.Getegid()}, nil
	}
	names := []string{"postgres", "nobody"}
	if info, err := os.Stat(h.data()); err == nil {
		if uid, _ := owner(info); uid != 0 {
			return lookup(user.LookupId, strconv.Itoa(uid))
		}
	}
	for _, name := range names {
		if a, err := lookup(user.Lookup, name); err == nil {
			return a, nil
		}
	}
	return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and there is no user of %q "+
		"to run it as: make one, or start invoq as an ordinary user", names)
}

// lookup finds a user other than root to become.
func lookup(find func(string) (*user.User, error), key string) (account, error) {
	u, err := find(key)
	if err != nil {
		return account{}, fmt.Errorf("look up the user to run PostgreSQL as: %w", err)
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if err := errors.Join(errUID, errGID); err != nil {
		return account{}, fmt.Errorf("look up user %q: %w", u.Username, err)
	}
	return account{name: u.Username, uid: uid, gid: gid, drop: true}, nil
}

func owner(info fs.FileInfo) (uid, gid int) {
	stat := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid), int(stat.Gid)
}

// credential is nil when the child simply stays who we are. It gives up all
// supplementary groups of root.
func (a account) credential() *syscall.Credential {
	if !a.drop {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// command prepares a child of this account. It works in dir, because the
// folder we stand in may be closed to the account, and sees nothing of our
// environment: a PGDATA or PGOPTIONS there is not meant for it.
func (a account) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = childAttr()
	cmd.SysProcAttr.Credential = a.credential()
	return cmd
}

// own gives a file or a whole folder to the account. The folder itself comes
// last: if it belongs to the account already, so does what is in it, and what
// the account has put there since is none of our business.
func (a account) own(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if uid, _ := owner(info); !a.drop || uid == a.uid {
		return nil
	}
	err = filepath.WalkDir(path, func(inside string, _ fs.DirEntry, err error) error {
		if err != nil || inside == path {
			return err
		}
		return os.Lchown(inside, a.uid, a.gid)
	})
	if err != nil {
		return err
	}
	return os.Lchown(path, a.uid, a.gid)
}

// prove runs the postgres binary for its version as the account from within
// dir, the one test that knows of every kind of permission, and says what to
// do if it cannot.
func (a account) prove(bin binaries, dir string) error {
	if !a.drop {
		return nil // it is our own folder
	}
	err := a.command(dir, bin.postgres(), "-V").Run()
	if err == nil {
		return nil
	}
	for _, path := range []string{dir, bin.dir} {
		if closed := a.closed(path); closed != "" {
			return fmt.Errorf("user %q may not pass %q on the way to %q: "+
				"PostgreSQL refuses to run as root, so it runs as %q; run chmod o+x %q, "+
				"choose another data folder, or start invoq as an ordinary user",
				a.name, closed, path, a.name, closed)
		}
	}
	return fmt.Errorf("run %s as user %q in %q: %w", bin.postgres(), a.name, dir, err)
}

// closed returns the topmost folder on the way to path whose mode does not let
// the account pass, "" if there is none.
func (a account) closed(path string) string {
	if parent := filepath.Dir(path); parent != path {
		if closed := a.closed(parent); closed != "" {
			return closed
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return path
	}
	uid, gid := owner(info)
	pass := fs.FileMode(0o001)
	switch {
	case uid == a.uid:
		pass = 0o100
	case gid == a.gid:
		pass = 0o010
	}
	if info.Mode()&pass == 0 {
		return path
	}
	return ""
}
