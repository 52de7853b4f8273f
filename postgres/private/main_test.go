package private

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// invoqDir tells the test binary to be an invoq that serves a folder, for a
// test to kill.
const invoqDir = "INVOQ_PRIVATE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(invoqDir); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// serve runs a server until standard input ends.
func serve(dir string) error {
	s, err := Start(context.Background(), Config{Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println(s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return s.Stop(context.Background())
}

// invoq is a process that runs a server.
type invoq struct {
	*exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
}

// startInvoq starts this binary again to serve dir, as another user if given.
func startInvoq(t *testing.T, dir string, as *syscall.Credential) *invoq {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), invoqDir+"="+dir)
	cmd.Stderr = os.Stderr
	if as != nil {
		cmd.Path = filepath.Join(newDir(t), "invoq")
		copyFile(t, os.Args[0], cmd.Path)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	}
	stdin, err := cmd.StdinPipe()
	noError(t, err)
	stdout, err := cmd.StdoutPipe()
	noError(t, err)
	noError(t, cmd.Start())
	p := &invoq{Cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout)}
	t.Cleanup(func() { p.kill() })
	return p
}

// url waits until the server is ready.
func (p *invoq) url(t *testing.T) string {
	t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("the other invoq says %q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

// kill ends the process as nobody can prepare for, and reaps it.
func (p *invoq) kill() {
	_ = p.Process.Kill()
	_ = p.Wait()
}

// newDir makes a folder that every user may pass through, unlike t.TempDir.
func newDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "private-")
	noError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	noError(t, os.Chmod(dir, 0o711))
	return dir
}

// needBinaries skips on a machine without Postgres, unless one was promised, and
// when time is short: every test here starts servers of its own.
func needBinaries(t testing.TB) binaries {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a server")
	}
	bin, err := choose("", places, 0)
	if errors.Is(err, ErrNoBinaries) && os.Getenv("INVOQ_TEST_REQUIRE") == "" {
		t.Skip(err)
	}
	noError(t, err)
	return bin
}

// start starts a server that ends with the test.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	needBinaries(t)
	s, err := Start(t.Context(), cfg)
	noError(t, err)
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	noError(t, s.Stop(t.Context()))
}

// query runs one statement on a new connection and returns its one value.
func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	value, err := tryQuery[T](t.Context(), url, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func tryQuery[T any](ctx context.Context, url, sql string) (value T, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return value, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return value, conn.QueryRow(ctx, sql).Scan(&value)
}

// execute runs statements that return nothing.
func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	noError(t, err)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// keepBusy lets a backend compute for ever: it will not look up to see that
// its postmaster is gone.
func keepBusy(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	noError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), `SELECT count(*) FROM generate_series(1, 1e12) /* busy */`)
		ended <- err
	}()
	t.Cleanup(func() {
		if err := <-ended; err == nil {
			t.Error("the endless query came to an end")
		}
		_ = conn.Close(context.Background())
	})
	eventually(t, "the query runs", func() bool {
		return query[bool](t, url, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE state = 'active' AND query LIKE '%busy%' AND pid <> pg_backend_pid())`)
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for late := time.After(20 * time.Second); !ok(); {
		select {
		case <-late:
			t.Fatalf("not within 20 seconds: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// kill ends a process with SIGKILL. The number 0 would mean ourselves.
func kill(t *testing.T, pid int) {
	t.Helper()
	if pid <= 0 {
		t.Fatalf("there is no process %d", pid)
	}
	noError(t, syscall.Kill(pid, syscall.SIGKILL))
}

// noneAlive fails unless the processes of a server end within a moment: the
// kernel takes one after what was killed has left its folder. A zombie, which
// only awaits the attention of its parent, has ended.
func noneAlive(t *testing.T, pids []int) {
	t.Helper()
	if len(pids) == 0 {
		t.Error("there was no process to end")
	}
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d ends", pid), func() bool {
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // on Linux
			return syscall.Kill(pid, 0) != nil || bytes.Contains(stat, []byte(") Z "))
		})
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// saysAll fails unless the error mentions all the words.
func saysAll(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	noError(t, err)
	noError(t, os.WriteFile(to, text, 0o755))
}

// logBook collects a log.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// warnings returns the lines of level warn.
func (b *logBook) warnings() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for line := range strings.Lines(b.text.String()) {
		if strings.Contains(line, "level=WARN") {
			lines = append(lines, line)
		}
	}
	return lines
}
