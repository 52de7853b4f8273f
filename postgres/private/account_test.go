package private

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
}

func TestRootRunsTheServerAsAnother(t *testing.T) {
	needRoot(t)
	cfg := Config{Dir: newDir(t), Volatile: true}
	s := start(t, cfg)
	info, err := os.Stat(fmt.Sprintf("/proc/%d", s.PID()))
	noError(t, err)
	uid, gid := owner(info)
	if uid == 0 || gid == 0 || uid != s.cluster.account.uid {
		t.Errorf("the postmaster is user %d, group %d", uid, gid)
	}
	if info, err = os.Stat(cfg.Dir); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("mode of the folder is %o, want 711 (%v)", info.Mode().Perm(), err)
	}
	if uid, _ := owner(info); uid != 0 {
		t.Errorf("the folder went to user %d", uid)
	}
	stop(t, s)

	// A backup that root unpacked belongs to root.
	root := account{drop: true}
	noError(t, root.own(s.cluster.home.data()))
	s = start(t, cfg)
	query[int](t, s.URL(), `SELECT 1`)
}

func TestOrdinaryUserRunsTheServerItself(t *testing.T) {
	needRoot(t)
	needBinaries(t)
	nobody := account{name: "nobody", uid: 65534, gid: 65534, drop: true}
	dir := newDir(t)
	noError(t, nobody.own(dir))
	p := startInvoq(t, dir, nobody.credential())
	url := p.url(t)
	execute(t, url, fillTable)
	pids := processes(home(dir))
	for _, pid := range pids {
		info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		noError(t, err)
		if uid, _ := owner(info); uid != nobody.uid {
			t.Errorf("process %d is of user %d", pid, uid)
		}
	}
	p.kill()
	p = startInvoq(t, dir, nobody.credential())
	if n := query[int](t, p.url(t), readTable); n != 1000 {
		t.Errorf("kept %d rows, want 1000", n)
	}
	noError(t, p.stdin.Close()) // it stops gently
	noError(t, p.Wait())
	noneAlive(t, pids)

	// Root takes it over as it is, and so can nobody after root.
	s := start(t, Config{Dir: dir})
	if n := query[int](t, s.URL(), readTable); n != 1000 {
		t.Errorf("kept %d rows, want 1000", n)
	}
	if s.cluster.account.uid != nobody.uid {
		t.Errorf("root runs it as %q", s.cluster.account.name)
	}
	stop(t, s)
	p = startInvoq(t, dir, nobody.credential())
	query[int](t, p.url(t), `SELECT 1`)
}

func TestClosedParentIsNamed(t *testing.T) {
	needRoot(t)
	needBinaries(t)
	parent := newDir(t)
	noError(t, os.Chmod(parent, 0o700))
	_, err := Start(t.Context(), Config{Dir: filepath.Join(parent, "pg")})
	saysAll(t, err, "may not pass", fmt.Sprintf("%q", parent), "chmod o+x", "ordinary user")
}

func TestClosed(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	noError(t, os.Mkdir(in, 0o755))
	f := func(mode os.FileMode, a account, want string) {
		t.Helper()
		noError(t, os.Chmod(dir, mode))
		if got := a.closed(in); got != want && (want != "" || got == dir) {
			t.Errorf("closed for %+v at %o: %q, want %q", a, mode, got, want)
		}
	}
	stranger := account{uid: 4242, gid: 4242}
	us := account{uid: os.Geteuid(), gid: os.Getegid()}
	group := account{uid: 4242, gid: os.Getegid()}
	// The test's own folder may itself lie in a closed one; that is reported first.
	noError(t, os.Chmod(filepath.Dir(dir), 0o711))
	f(0o700, stranger, dir)
	f(0o701, stranger, "")
	f(0o710, stranger, dir)
	f(0o710, group, "")
	f(0o701, group, dir)
	f(0o700, us, "")
}

func TestSocketFolderOfAnotherIsRefused(t *testing.T) {
	temp := newDir(t)
	long := home("/" + fmt.Sprintf("%0200d", 1))
	us := account{name: "us", uid: os.Geteuid(), gid: os.Getegid()}
	dir, err := openSocketDir(long, us, temp)
	noError(t, err)
	if info, err := os.Stat(dir); err != nil || info.Mode() != os.ModeDir|0o700 {
		t.Errorf("the socket's folder: %v, %v", info.Mode(), err)
	}
	_, err = openSocketDir(long, us, temp)
	noError(t, err) // a killed invoq left it

	noError(t, os.Chmod(dir, 0o777))
	_, err = openSocketDir(long, us, temp)
	saysAll(t, err, dir, "remove it")
	noError(t, os.Remove(dir))
	noError(t, os.Symlink(newDir(t), dir))
	_, err = openSocketDir(long, us, temp)
	saysAll(t, err, dir, "remove it")
	if os.Geteuid() == 0 {
		noError(t, os.Remove(dir))
		noError(t, os.Mkdir(dir, 0o700))
		noError(t, os.Lchown(dir, 4242, 4242))
		_, err = openSocketDir(long, us, temp)
		saysAll(t, err, dir, "remove it")
	}
	_, err = openSocketDir(long, us, temp+string(long))
	saysAll(t, err, "too long", "TMPDIR")
	_ = syscall.Rmdir(dir)
}

func TestLongPathPutsTheSocketIntoTheTempFolder(t *testing.T) {
	for _, name := range []string{fmt.Sprintf("%0150d", 1), "a,b \"c\"", "with space & 100%"} {
		cfg := Config{Dir: filepath.Join(newDir(t), name), Volatile: true}
		s := start(t, cfg)
		if n := query[int](t, s.URL(), `SELECT 1`); n != 1 {
			t.Errorf("%q: no answer", name)
		}
		elsewhere := s.cluster.socketDir != s.cluster.home.run()
		if elsewhere == fits(s.cluster.home.run()) {
			t.Errorf("%q: the socket is in %q", name, s.cluster.socketDir)
		}
		stop(t, s)
		if _, err := os.Stat(s.cluster.socketDir); elsewhere && err == nil {
			t.Errorf("%q is left", s.cluster.socketDir)
		}
	}
}
