//go:build linux

package diskfault

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"
)

const (
	// shutdownRequest is the ioctl that shuts a file system down, EXT4_IOC_SHUTDOWN
	// of the kernel's fs/ext4/ext4.h, and withoutFlush the flag by which nothing
	// that is in memory reaches the disk.
	shutdownRequest = 0x8004587D
	withoutFlush    = 2
)

// Power is a disk on which the power can go out: an ext4 file system in a file.
type Power struct {
	t     testing.TB
	image string
	Dir   string
}

// NewPower makes a disk of so many MiB and mounts it on a folder until the test
// ends.
func NewPower(t testing.TB, dir string, megabytes int64) *Power {
	t.Helper()
	for _, tool := range []string{"mkfs.ext4", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	root, err := os.MkdirTemp("", "invoq-power-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	p := &Power{t: t, image: filepath.Join(root, "image"), Dir: dir}
	for _, step := range []func() error{
		func() error { return os.WriteFile(p.image, nil, 0o600) },
		func() error { return os.Truncate(p.image, megabytes<<20) },
		func() error { return run("mkfs.ext4", "-q", p.image) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "-o", "loop", p.image, p.Dir)
	t.Cleanup(func() { unmount(t, p.Dir) })
	return p
}

// Cut cuts the power: what was not synced is lost, and everybody who goes on
// using the disk gets errors. Restore brings it back.
//
// A machine without power answers nobody, and this one goes on. A sync that had
// begun before the cut may even return without an error afterwards, with what it
// synced gone: the kernel's fsync looks whether the file system is shut down at
// its beginning, and not whether the journal was given up in the meantime. With
// nothing but write and fsync in a loop that is one cut in ten (Linux 6.18). So
// whoever counts acknowledgements stops before Cut.
func (p *Power) Cut() {
	p.t.Helper()
	f, err := os.Open(p.Dir)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	flags := uint32(withoutFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdownRequest,
		uintptr(unsafe.Pointer(&flags))); errno != 0 {
		p.t.Skipf("the power cannot be cut here: %v", errno)
	}
}

// Restore mounts the disk as it is found after the power came back. Nobody may
// use it any more.
func (p *Power) Restore() {
	p.t.Helper()
	unmount(p.t, p.Dir)
	if err := run("mount", "-o", "loop", p.image, p.Dir); err != nil {
		p.t.Fatal(err)
	}
}
