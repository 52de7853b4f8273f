package tracker

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// spool is a file of usages, a line of JSON each. The zero value, without a
// path, has no room.
type spool struct {
	path  string
	limit int64
}

// errSpoolFull says that the spool has no room.
var errSpoolFull = errors.New("the spool is full")

// add appends usages and returns how many had room.
func (s *spool) add(us []json.RawMessage) (n int, err error) {
	if s.path == "" {
		return 0, errSpoolFull
	}
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("open the spool: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("open the spool: %w", err)
	}
	room := s.limit - info.Size()
	// A line that a crash has torn is ended; an empty one is passed over.
	lines := []byte("\n")
	full := error(nil)
	for _, line := range us {
		if int64(len(lines)+len(line)) >= room {
			full = errSpoolFull
			break
		}
		lines = append(append(lines, line...), '\n')
		n++
	}
	if _, err := f.Write(lines); err != nil {
		return 0, fmt.Errorf("write the spool: %w", err)
	}
	return n, full
}

// replay hands out what is spooled, in batches that make one body, and empties
// the spool when all was taken. After an error everything is handed out again: usages have request
// ids, and count once.
func (s *spool) replay(batch int, send func([]json.RawMessage) error) error {
	if s.path == "" {
		return nil
	}
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the spool: %w", err)
	}
	defer f.Close()
	var us []json.RawMessage
	bytes := 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, int(s.limit)+maxUsageBytes)
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) > maxUsageBytes || !json.Valid(line) {
			continue // What a crash has torn.
		}
		if bytes += len(line) + 1; len(us) == batch || bytes >= maxBodyBytes {
			if err := send(us); err != nil {
				return err
			}
			us, bytes = us[:0], len(line)+1
		}
		us = append(us, append(json.RawMessage(nil), line...))
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	if len(us) > 0 {
		if err := send(us); err != nil {
			return err
		}
	}
	if err := os.Remove(s.path); err != nil {
		return fmt.Errorf("empty the spool: %w", err)
	}
	return nil
}
