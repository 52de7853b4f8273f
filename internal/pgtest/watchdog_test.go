package pgtest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hang makes TestVictim use both kinds of server and wait for its input to
// end, or for its death.
const hang = "PGTEST_HANG"

func TestVictim(t *testing.T) {
	if os.Getenv(hang) == "" {
		t.Skip("runs as a process of its own, for the tests below")
	}
	Pool(t)
	s := Private(t)
	fmt.Println("ready", s.PID(), shared.host.server.PID())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// victim is a test process with two servers.
type victim struct {
	*exec.Cmd
	stdin       io.Closer
	temp        string
	postmasters [2]int
}

// startVictim runs this test binary again, as another user if one is given.
func startVictim(t *testing.T, as *syscall.Credential) *victim {
	t.Helper()
	URL(t) // skips where there is no Postgres
	n, err := newNest("")
	noError(t, err)
	t.Cleanup(n.remove)
	binary := filepath.Join(n.dir, "tests")
	text, err := os.ReadFile(os.Args[0])
	noError(t, err)
	noError(t, os.WriteFile(binary, text, 0o755))
	v := &victim{Cmd: exec.Command(binary, "-test.run=^TestVictim$"), temp: filepath.Join(n.dir, "tmp")}
	noError(t, os.Mkdir(v.temp, 0o700))
	noError(t, os.Chmod(v.temp, 0o777|os.ModeSticky))
	v.Dir = "/"
	v.Env = append(os.Environ(), hang+"=1", "TMPDIR="+v.temp, "INVOQ_TEST_DATABASE_URL=")
	v.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	v.stdin, err = v.StdinPipe()
	noError(t, err)
	stdout, err := v.StdoutPipe()
	noError(t, err)
	noError(t, v.Start())
	t.Cleanup(func() { _ = v.Process.Kill(); _ = v.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	noError(t, err)
	if _, err := fmt.Sscanf(line, "ready %d %d", &v.postmasters[0], &v.postmasters[1]); err != nil {
		t.Fatalf("the victim says %q", line)
	}
	return v
}

// gone waits until no server and no file of the victim is left.
func (v *victim) gone(t *testing.T) {
	t.Helper()
	left := func() string {
		for _, pid := range v.postmasters {
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if syscall.Kill(pid, 0) == nil && !strings.Contains(string(stat), ") Z ") {
				return fmt.Sprintf("postmaster %d", pid)
			}
		}
		entries, err := os.ReadDir(v.temp)
		if len(entries) > 0 || err != nil {
			return fmt.Sprintf("%v, %v", entries, err)
		}
		return ""
	}
	for late := time.After(30 * time.Second); left() != ""; {
		select {
		case <-late:
			t.Fatalf("left behind: %s", left())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKilledTestsLeaveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	v := startVictim(t, nil)
	noError(t, v.Process.Kill())
	v.gone(t)
}

func TestEndedTestsLeaveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	v := startVictim(t, nil)
	noError(t, v.stdin.Close())
	v.gone(t)
	noError(t, v.Wait())
}

func TestOrdinaryUserRunsTests(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts servers")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user; the other tests show the rest")
	}
	v := startVictim(t, &syscall.Credential{Uid: 65534, Gid: 65534})
	noError(t, v.stdin.Close())
	v.gone(t)
	noError(t, v.Wait())
}
