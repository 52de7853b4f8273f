package private

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

func TestStartMakesAClusterAndFindsItAgain(t *testing.T) {
	var book logBook
	cfg := Config{Dir: filepath.Join(newDir(t), "a/pg"), Logger: book.logger()}
	s := start(t, cfg)
	got := map[string]string{}
	want := map[string]string{
		"data_checksums": "on", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
		"listen_addresses": "", "server_encoding": "UTF8", "lc_collate": "C", "TimeZone": "UTC",
		"max_connections": "50", "shared_buffers": "128MB", "wal_compression": "pglz", "jit": "off",
	}
	for name := range want {
		got[name] = query[string](t, s.URL(), "SHOW "+name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	execute(t, s.URL(), fillTable)
	url := s.URL()
	stop(t, s)

	s = start(t, cfg)
	if n := query[int](t, s.URL(), readTable); n != 1000 {
		t.Errorf("kept %d rows, want 1000", n)
	}
	if s.URL() != url {
		t.Errorf("URL changed from %q to %q", url, s.URL())
	}
	stop(t, s)
	if lines := book.warnings(); len(lines) > 0 {
		t.Errorf("warnings of a healthy life: %q", lines)
	}
}

func TestPasswordIsNeededAndKept(t *testing.T) {
	s := start(t, Config{Dir: newDir(t), Volatile: true})
	password := s.cluster.password
	info, err := os.Stat(s.cluster.home.password())
	noError(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode of the password is %o, want 600", info.Mode())
	}
	for _, wrong := range []string{"", "guess"} {
		url := strings.Replace(s.URL(), password, wrong, 1)
		_, err := tryQuery[int](t.Context(), url, `SELECT 1`)
		saysAll(t, err, "password authentication failed")
	}
}

func TestLostPasswordIsAnErrorThatSaysSo(t *testing.T) {
	cfg := Config{Dir: newDir(t), Volatile: true}
	s := start(t, cfg)
	stop(t, s)
	noError(t, os.WriteFile(s.cluster.home.password(), []byte("other\n"), 0o600))
	_, err := Start(t.Context(), cfg)
	saysAll(t, err, "password authentication failed")
	noError(t, os.Remove(s.cluster.home.password()))
	_, err = Start(t.Context(), cfg)
	saysAll(t, err, s.cluster.home.password(), "restored")
	if left := processes(s.cluster.home); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestStopEndsEveryProcess(t *testing.T) {
	s := start(t, Config{Dir: newDir(t), Volatile: true})
	keepBusy(t, s.URL())
	pids := processes(s.cluster.home)
	stop(t, s)
	if left := processes(s.cluster.home); len(left) > 0 {
		t.Errorf("Stop came back before %v had ended", left)
	}
	noneAlive(t, pids)
	if entries, _ := os.ReadDir(s.cluster.socketDir); len(entries) > 0 {
		t.Errorf("the socket's folder holds %v", entries)
	}
	if s.PID() != 0 || s.Err() != nil {
		t.Errorf("after Stop: pid %d, error %v", s.PID(), s.Err())
	}
	stop(t, s) // a second time is no harm
}

func TestStopInHasteLosesNothing(t *testing.T) {
	cfg := Config{Dir: newDir(t)}
	s := start(t, cfg)
	execute(t, s.URL(), fillTable)
	conn, err := pgx.Connect(t.Context(), s.URL())
	noError(t, err)
	defer conn.Close(context.Background())
	// A backend that does not listen keeps a gentle shutdown waiting.
	noError(t, syscall.Kill(int(conn.PgConn().PID()), syscall.SIGSTOP))
	pids := processes(s.cluster.home)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	if err := s.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop returned %v", err)
	}
	if took := time.Since(begun); took >= steps[0].grace {
		t.Errorf("Stop took its time: %v", took)
	}
	noneAlive(t, pids)
	s = start(t, cfg)
	if n := query[int](t, s.URL(), readTable); n != 1000 {
		t.Errorf("kept %d rows, want 1000", n)
	}
}

func TestSecondServerOnAFolderIsRefused(t *testing.T) {
	cfg := Config{Dir: newDir(t), Volatile: true}
	s := start(t, cfg)
	p := startInvoq(t, cfg.Dir, nil)
	line, _ := p.stdout.ReadString('\n')
	saysAll(t, errors.New(line), "in use by another invoq", cfg.Dir, "process ")
	_, err := Start(t.Context(), cfg)
	if !errors.Is(err, ErrInUse) {
		t.Errorf("second start: %v", err)
	}
	if n := query[int](t, s.URL(), `SELECT 1`); n != 1 {
		t.Error("the first server was hurt")
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	needBinaries(t)
	cfg := Config{Dir: newDir(t), Volatile: true}
	for _, after := range []time.Duration{0, 50, 200, 400} {
		ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
		_, err := Start(ctx, cfg)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled after %d ms: %v", after, err)
		}
		if left := processes(home(cfg.Dir)); len(left) > 0 {
			t.Errorf("cancelled after %d ms: processes %v are left", after, left)
		}
	}
	start(t, cfg)
}

func TestCtrlCPassesTheServerBy(t *testing.T) {
	s := start(t, Config{Dir: newDir(t), Volatile: true})
	group, err := syscall.Getpgid(s.PID())
	noError(t, err)
	if group != s.PID() {
		t.Errorf("the postmaster is in group %d, want its own %d", group, s.PID())
	}
}

// The kernel takes the end of a thread for the death of the parent of what the
// thread started. A goroutine that ends with its thread locked ends the thread.
func TestServerOutlivesTheThreadOfItsStart(t *testing.T) {
	needBinaries(t)
	cfg := Config{Dir: newDir(t), Volatile: true}
	started := make(chan *Server)
	go func() {
		runtime.LockOSThread()
		s, err := Start(t.Context(), cfg)
		if err != nil {
			t.Error(err)
		}
		started <- s
	}()
	s := <-started
	if s == nil {
		return
	}
	defer stop(t, s)
	pid := s.PID()
	query[int](t, s.URL(), `SELECT 1 FROM pg_sleep(0.5)`) // time enough for a signal
	if s.PID() != pid {
		t.Errorf("the postmaster is %d, was %d", s.PID(), pid)
	}
}

func TestFolderMayBeASymbolicLink(t *testing.T) {
	dir := newDir(t)
	noError(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	link := filepath.Join(dir, "link")
	noError(t, os.Symlink("real", link))
	s := start(t, Config{Dir: link, Volatile: true})
	if got := processes(s.cluster.home); len(got) < 2 {
		t.Errorf("found the processes %v only", got)
	}
}
