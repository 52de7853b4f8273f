package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// blockSuffix ends the names of the files that hold messages; a number is
// before it.
const blockSuffix = ".blk"

// errUnsynced is a folder of which nobody knows what the disk holds.
var errUnsynced = errors.New("the folder of the queue could not be synced")

// folder is where the embedded server keeps the messages of the stream. The
// server syncs what it appends to a file. It does not sync the folder in which
// it makes a file, nor the file that it writes anew to forget its first half.
// Most file systems keep both in order by themselves; none has to.
type folder struct {
	path  string
	known []string // names that are on disk, sorted
}

// messagesIn returns the folder of messages below the embedded server's own.
func messagesIn(dir string) *folder {
	return &folder{path: filepath.Join(dir, "jetstream", "$G", "streams", streamName, "msgs")}
}

// settle returns once the names of all files are on disk. It is called by one
// goroutine at a time, after each message. A nil folder is an outside server's.
func (f *folder) settle() error {
	if f == nil {
		return nil
	}
	blocks, err := f.blocks()
	if err != nil {
		return err
	}
	for _, name := range blocks {
		if _, ok := slices.BinarySearch(f.known, name); !ok {
			f.known = blocks
			return syncFile(f.path)
		}
	}
	return nil
}

// rewritten returns once the file is on disk that forgetting messages may have
// written anew, which is the first.
func (f *folder) rewritten() error {
	if f == nil {
		return nil
	}
	blocks, err := f.blocks()
	if err != nil || len(blocks) == 0 {
		return err
	}
	first := slices.MinFunc(blocks, func(a, b string) int {
		if len(a) != len(b) { // Numbers without leading zeros.
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	err = syncFile(filepath.Join(f.path, first))
	if err != nil && !errors.Is(err, os.ErrNotExist) { // It is gone if it was emptied since.
		return err
	}
	return syncFile(f.path)
}

// blocks returns the names of the files that hold messages, sorted.
func (f *folder) blocks() ([]string, error) {
	d, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsynced, err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsynced, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, blockSuffix) })
	slices.Sort(names)
	return names, nil
}

// syncFile returns once a file, or the names in a folder, are on disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnsynced, err)
	}
	return nil
}
