package chromium

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// How long a command may take, and the browser to end.
const (
	patience = 60 * time.Second
	farewell = 10 * time.Second
)

// Browser is one running browser. Its tabs may be used side by side.
type Browser struct {
	conn *conn
}

// programs are what the browser may be called.
var programs = []string{"chromium", "chromium-browser", "google-chrome"}

// Start starts a browser that ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	program := find(t)
	home, err := os.MkdirTemp("", "invoq-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	fromBrowser, itsOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	itsIn, toBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(
		program,
		"--headless=new",
		"--remote-debugging-pipe",
		"--no-sandbox",
		"--disable-gpu",
		"--disable-quic",
		"--disable-dev-shm-usage",
		"--no-first-run",
		"--no-default-browser-check",
		"--disable-extensions",
		"--disable-background-networking",
		"--disable-component-update",
		"--disable-sync",
		"--disable-default-apps",
		"--hide-scrollbars",
		"--force-color-profile=srgb",
		"--lang=en-US",
		// No name is looked up: a page that asks another host is found out by
		// what it asks, and does not get there.
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
		"--user-data-dir="+filepath.Join(home, "profile"),
	)
	cmd.ExtraFiles = []*os.File{itsIn, itsOut} // Descriptors 3 and 4, as the protocol has it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "HOME="+home)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	_, _ = itsIn.Close(), itsOut.Close()
	b := &Browser{conn: newConn(toBrowser, fromBrowser)}
	t.Cleanup(func() {
		b.stop(cmd)
		_, _ = toBrowser.Close(), fromBrowser.Close()
		<-b.conn.done
		if err := os.RemoveAll(home); err != nil {
			t.Log(err)
		}
	})
	return b
}

// find returns where the browser is installed, or fails the test saying what to
// install.
func find(t testing.TB) string {
	t.Helper()
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("INVOQ_TEST_REQUIRE") == "" {
		t.Skipf("no browser: none of %q is installed", programs)
	}
	t.Fatalf("no browser, though INVOQ_TEST_REQUIRE is set: none of %q is installed", programs)
	return ""
}

// stop asks the browser to end, and ends it and its children if it does not.
func (b *Browser) stop(cmd *exec.Cmd) {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	// It may be gone before it answers.
	_ = b.conn.call(ctx, "", "Browser.close", nil, nil)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	// The group outlives its leader: what is left of it is ours.
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		_ = cmd.Process.Kill()
	}
}
