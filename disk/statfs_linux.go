package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// readOnlyFlag is ST_RDONLY of statfs(2).
const readOnlyFlag = 1

// measure asks for the state of the folder's disk. What is reserved for root is
// not free.
func measure(dir string) (space, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return space{}, fmt.Errorf("measure disk of %q: %w", dir, err)
	}
	var file syscall.Stat_t
	if err := syscall.Stat(dir, &file); err != nil {
		return space{}, fmt.Errorf("find disk of %q: %w", dir, err)
	}
	return space{
		free: int64(fs.Bavail) * fs.Bsize, total: int64(fs.Blocks) * fs.Bsize,
		readOnly: fs.Flags&readOnlyFlag != 0, device: file.Dev,
	}, nil
}

// reserve makes a file that really takes size bytes, or none.
func reserve(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	err = syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("allocate file: %w", err), os.Remove(path))
	}
	return nil
}
