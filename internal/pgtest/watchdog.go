package pgtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// script waits until the test process is gone, however it ended, and removes
// the folder $1 with the server in it. On Linux the kernel has told the server
// to end already; elsewhere the pid file names it, and ps tells whether the
// number is still that of our server.
const script = `
cat >/dev/null
pid=$(head -n 1 "$1/pg/data/postmaster.pid" 2>/dev/null)
case "$(ps -ww -o command= -p "${pid:-0}" 2>/dev/null)" in
	*" -D $1/pg/data "*) kill -QUIT "$pid" ;;
esac
tries=0
until rm -rf "$1" 2>/dev/null || [ $tries -ge 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
`

// nest is a temporary folder that outlives its process by a moment only.
type nest struct {
	dir   string
	guard *exec.Cmd
	// hold is the guard's standard input. The kernel closes it with us.
	hold io.Closer
}

// newNest makes a folder in parent, the temp folder if that is "", that other
// users may pass through: as root, the server is one.
func newNest(parent string) (*nest, error) {
	dir, err := os.MkdirTemp(parent, "pgtest-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the test server: %w", err)
	}
	n := &nest{dir: dir, guard: exec.Command("/bin/sh", "-c", script, "sh", dir)}
	// A group of its own: Ctrl-C ends the tests, not their guard.
	n.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err = os.Chmod(dir, 0o711); err == nil {
		n.hold, err = n.guard.StdinPipe()
	}
	if err == nil {
		err = n.guard.Start()
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("guard the test server: %w", err)
	}
	return n, nil
}

// remove lets the guard go and waits until the folder is gone.
func (n *nest) remove() {
	_ = n.hold.Close()
	_ = n.guard.Wait()
}

// roomyBytes is what must be free in memory before a server goes there: its
// log may take 128 MiB, each database takes 8.
const roomyBytes = 1 << 30

// memory returns a folder in memory, where a database is cloned in a third of
// the time. It is "" if there is none with room, or TMPDIR says where to go.
func memory() string {
	const dir = "/dev/shm"
	var stat syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(dir, &stat) != nil ||
		stat.Bavail*uint64(stat.Bsize) < roomyBytes {
		return ""
	}
	return dir
}
