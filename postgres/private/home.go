package private

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// home is the folder a private server owns: absolute, and free of symbolic
// links, as the kernel reports it of a process.
type home string

// openHome makes the folder. When the server runs as another user, that user
// may pass through it but not write into it.
func openHome(dir string, drop bool) (home, error) {
	mode := os.FileMode(0o700)
	if drop {
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return "", fmt.Errorf("make the folder of the private PostgreSQL: %w", err)
	}
	if drop {
		if err := os.Chmod(dir, mode); err != nil { // a umask may have closed it
			return "", fmt.Errorf("open the folder of the private PostgreSQL: %w", err)
		}
	}
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fmt.Errorf("find the folder of the private PostgreSQL: %w", err)
	}
	return home(path), nil
}

func (h home) data() string     { return filepath.Join(string(h), "data") }
func (h home) lock() string     { return filepath.Join(string(h), "lock") }
func (h home) password() string { return filepath.Join(string(h), "password") }
func (h home) run() string      { return filepath.Join(string(h), "run") }
func (h home) pidFile() string  { return filepath.Join(h.data(), "postmaster.pid") }

// hash tells homes apart where their path is too long.
func (h home) hash() string {
	sum := sha256.Sum256([]byte(h))
	return hex.EncodeToString(sum[:8])
}

// clusterName stands in the title of each of the server's processes.
func (h home) clusterName() string { return "invoq-" + h.hash() }

// acquire takes the lock of the home, which the kernel drops if its holder
// dies. The file names the holder's pid.
func (h home) acquire() (*os.File, error) {
	file, err := os.OpenFile(h.lock(), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the private PostgreSQL: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 20)
		n, _ := file.ReadAt(holder, 0) // io.EOF: it is shorter
		_ = file.Close()
		return nil, fmt.Errorf("%w: %q is held by process %s", ErrInUse, string(h), holder[:n])
	}
	_ = file.Truncate(0) // the text only helps a human; the lock is the lock
	_, _ = fmt.Fprint(file, os.Getpid())
	return file, nil
}

// unlock gives the lock back. To close the file would not do: a child that is
// just being made has it open too, for a moment.
func unlock(lock *os.File) {
	_ = syscall.Flock(int(lock.Fd()), syscall.LOCK_UN)
	_ = lock.Close() // nothing of worth was written
}
