package private

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const (
	fillTable = `CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n`
	readTable = `SELECT count(*) FROM kept`
)

func TestKilledPostmasterComesBack(t *testing.T) {
	var book logBook
	s := start(t, Config{Dir: newDir(t), Logger: book.logger()})
	execute(t, s.URL(), fillTable)
	keepBusy(t, s.URL())
	for kills := 1; kills <= 2; kills++ {
		old, orphans := s.PID(), processes(s.cluster.home)
		kill(t, old)
		eventually(t, "another postmaster", func() bool { return s.PID() != old && s.PID() != 0 })
		if n := query[int](t, s.URL(), readTable); n != 1000 {
			t.Errorf("kept %d rows, want 1000", n)
		}
		noneAlive(t, orphans)
		if lines := book.warnings(); len(lines) != kills || !strings.Contains(lines[kills-1], "killed") {
			t.Errorf("%d kills, warnings: %q", kills, lines)
		}
	}
}

func TestServerThatKeepsDyingIsGivenUp(t *testing.T) {
	var book logBook
	s := start(t, Config{Dir: newDir(t), Logger: book.logger(), Volatile: true})
	noError(t, os.Remove(filepath.Join(s.cluster.home.data(), "global/pg_control")))
	kill(t, s.PID())
	<-s.Done()
	saysAll(t, s.Err(), "died 5 times in a row", "pg_control")
	var deaths int
	for _, line := range book.warnings() {
		if strings.Contains(line, "starting it again") {
			deaths++
		}
	}
	if deaths != maxQuickDeaths-1 {
		t.Errorf("%d warnings of a death, want %d", deaths, maxQuickDeaths-1)
	}
	if left := processes(s.cluster.home); len(left) > 0 || s.PID() != 0 {
		t.Errorf("processes %v are left, pid %d", left, s.PID())
	}
	saysAll(t, s.Stop(t.Context()), "died 5 times")
}

func TestStopWhileItIsStartedAgain(t *testing.T) {
	cfg := Config{Dir: newDir(t), Volatile: true}
	for range 5 {
		s := start(t, cfg)
		kill(t, s.PID())
		stop(t, s)
		if left := processes(s.cluster.home); len(left) > 0 {
			t.Fatalf("processes %v are left", left)
		}
	}
}

func TestKilledInvoqIsSucceeded(t *testing.T) {
	needBinaries(t)
	dir := newDir(t)
	p := startInvoq(t, dir, nil)
	execute(t, p.url(t), fillTable)
	pids := processes(home(dir))
	p.kill()
	s := start(t, Config{Dir: dir})
	if n := query[int](t, s.URL(), readTable); n != 1000 {
		t.Errorf("kept %d rows, want 1000", n)
	}
	stop(t, s)
	noneAlive(t, pids)
}

// On Linux the kernel ends the postmaster of a killed invoq; elsewhere it
// stays. Here a shell plays such an invoq: it leaves a postmaster to nobody.
func TestOrphanIsEvicted(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, postmaster int){
		"alive":    func(*testing.T, int) {},
		"headless": kill,
	} {
		t.Run(name, func(t *testing.T) {
			var book logBook
			cfg := Config{Dir: newDir(t), Logger: book.logger(), Volatile: true}
			s := start(t, cfg)
			execute(t, s.URL(), fillTable)
			stop(t, s)
			startOrphan(t, s.cluster)
			keepBusy(t, s.URL())
			harm(t, postmasterPID(s.cluster.home))
			orphans := processes(s.cluster.home)

			s = start(t, cfg)
			noneAlive(t, orphans)
			if n := query[int](t, s.URL(), readTable); n != 1000 {
				t.Errorf("kept %d rows, want 1000", n)
			}
			if lines := book.warnings(); len(lines) != 1 || !strings.Contains(lines[0], "orphan") {
				t.Errorf("warnings: %q", lines)
			}
		})
	}
}

func startOrphan(t *testing.T, c *cluster) {
	t.Helper()
	args := []string{"-c", `"$@" >/dev/null 2>&1 &`, "sh", c.bin.postgres(), "-D", c.home.data()}
	for _, setting := range settings(c.home, c.socketDir, c.volatile) {
		args = append(args, "-c", setting)
	}
	cmd := c.account.command(c.home.data(), "/bin/sh", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.account.credential()}
	noError(t, cmd.Run())
	noError(t, awaitReady(t.Context(), c.socketDir, c.password, nil))
}

func TestOrphanThatDoesNotListenIsKilled(t *testing.T) {
	s := start(t, Config{Dir: newDir(t), Volatile: true})
	stop(t, s)
	startOrphan(t, s.cluster)
	h := s.cluster.home
	orphans := processes(h)
	postmaster := postmasterPID(h)
	if !slices.Contains(orphans, postmaster) {
		t.Fatalf("postmaster %d is not among %v", postmaster, orphans)
	}
	noError(t, syscall.Kill(postmaster, syscall.SIGSTOP))
	short := slices.Clone(steps)
	for i := range short {
		short[i].grace /= 100
	}
	if n, err := evict(t.Context(), h, short); n != len(orphans) || err != nil {
		t.Errorf("evicted %d of %d processes: %v", n, len(orphans), err)
	}
	noneAlive(t, orphans)
}

func TestStaleLocksAreNoObstacle(t *testing.T) {
	cfg := Config{Dir: newDir(t), Volatile: true}
	s := start(t, cfg)
	stop(t, s)
	stranger := exec.Command("sleep", "600")
	stranger.SysProcAttr = childAttr()
	stranger.SysProcAttr.Credential = s.cluster.account.credential()
	noError(t, stranger.Start())
	t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
	alive := stranger.Process.Pid
	for _, text := range []string{
		fmt.Sprintf("%d\n%s\n1\n5432\n", alive, s.cluster.home.data()), // its number went to another
		fmt.Sprintf("%d\n", -alive),                                    // of a single-user server
		"4194999\n",                                                    // dead
		"",                                                             // torn
		"rubbish",
	} {
		lock := filepath.Join(s.cluster.socketDir, socketName+".lock")
		for _, path := range []string{s.cluster.home.pidFile(), lock} {
			noError(t, os.WriteFile(path, []byte(text), 0o600))
			noError(t, s.cluster.account.own(path))
		}
		noError(t, os.WriteFile(strings.TrimSuffix(lock, ".lock"), nil, 0o600))
		s = start(t, cfg)
		query[int](t, s.URL(), `SELECT 1`)
		stop(t, s)
	}
	noError(t, stranger.Process.Signal(syscall.Signal(0)))
}

func TestInterruptedInitIsRepaired(t *testing.T) {
	needBinaries(t)
	dir := filepath.Join(newDir(t), "a[b]*") // no pattern to fall for
	half := func() string {
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), unfinished) {
				return filepath.Join(dir, entry.Name())
			}
		}
		return ""
	}
	p := startInvoq(t, dir, nil)
	eventually(t, "initdb is in the middle", func() bool {
		_, err := os.Stat(filepath.Join(half(), "PG_VERSION"))
		return half() != "" && err == nil
	})
	p.kill()
	if _, err := os.Stat(home(dir).data()); err == nil {
		t.Fatal("initdb was over already")
	}
	// The kernel has told initdb to clean up; without that, the half stays.
	noError(t, os.MkdirAll(filepath.Join(dir, "data.new1/base/1"), 0o700))
	s := start(t, Config{Dir: dir})
	if n := query[int](t, s.URL(), `SELECT 1`); n != 1 {
		t.Error("no answer")
	}
	if half() != "" {
		t.Errorf("%q is left of the first attempt", half())
	}
}
