//go:build linux

package diskfault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// run runs a command to its end.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// mount mounts, or skips the test where that is not allowed.
func mount(t testing.TB, args ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a disk of its own can be mounted by root alone")
	}
	if err := run("mount", args...); err != nil {
		t.Skipf("no disk can be mounted here: %v", err)
	}
}

// unmountTime is how long those who use a disk have to let go of it.
const unmountTime = 20 * time.Second

// unmount waits until nobody uses the disk any more, and unmounts it.
func unmount(t testing.TB, dir string) {
	t.Helper()
	deadline := time.Now().Add(unmountTime)
	err := run("umount", dir)
	for ; err != nil && time.Now().Before(deadline); err = run("umount", dir) {
		<-time.After(100 * time.Millisecond)
	}
	if err != nil {
		t.Error(errors.Join(err, run("umount", "--lazy", dir)))
	}
}

// Memory is a small disk in memory.
type Memory struct {
	t   testing.TB
	Dir string
}

// NewMemory mounts a disk of so many MiB on a folder, which is created when
// missing, until the test ends.
func NewMemory(t testing.TB, dir string, megabytes int) *Memory {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mount(t, "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=0755", megabytes), "invoq-test", dir)
	t.Cleanup(func() { unmount(t, dir) })
	return &Memory{t, dir}
}

// filler is the file that fills a disk.
const filler = ".filler"

// Fill takes all that is free, as another program would that fills the disk: as
// fast as it can, to the last byte.
func (m *Memory) Fill() {
	m.t.Helper()
	f, err := os.OpenFile(filepath.Join(m.Dir, filler), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if n, err := f.Write(make([]byte, size)); err != nil || n < size {
			size /= 2
		}
	}
}

// Free gives back what Fill took.
func (m *Memory) Free() {
	m.t.Helper()
	err := os.Remove(filepath.Join(m.Dir, filler))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
}

// Resize changes the size of the disk.
func (m *Memory) Resize(megabytes int) {
	m.t.Helper()
	if err := run("mount", "-o", fmt.Sprintf("remount,size=%dm", megabytes), m.Dir); err != nil {
		m.t.Fatal(err)
	}
}

// LetGo takes the disk out of sight while somebody who never will still uses it.
func (m *Memory) LetGo() {
	m.t.Helper()
	if err := run("umount", "--lazy", m.Dir); err != nil {
		m.t.Fatal(err)
	}
	mount(m.t, "-t", "tmpfs", "invoq-test", m.Dir)
}

// ReadOnly has the disk take nothing any more. Nobody may have a file open for
// writing.
func (m *Memory) ReadOnly() {
	m.t.Helper()
	if err := run("mount", "-o", "remount,ro", m.Dir); err != nil {
		m.t.Fatal(err)
	}
}
