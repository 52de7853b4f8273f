package tsdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"

	"invoq"
)

const (
	// asideDir holds what was taken out of a damaged log, a folder for each time.
	asideDir = "damaged"
	// reportName is the file that says what a folder of asideDir is about.
	reportName = "report.txt"
	// acknowledgedName is the file by which somebody says that they have read it.
	acknowledgedName = "acknowledged"
	// unfinished ends the names of folders that hold a record which was never
	// finished: nobody has to be told.
	unfinished = "-unfinished"
	// keptUnfinished is how many of those are kept.
	keptUnfinished = 10
)

// logPage is the size of a page of the log, at whose beginning a reader finds its
// way back. It is the library's, which does not export it.
const logPage = 32 << 10

// damage is where a log cannot be read.
type damage struct {
	segment int
	good    int64 // bytes of the segment that can be read
	err     error
	// after says that something readable follows: then it is not the end of a
	// write that a crash cut off.
	after bool
}

// mendLog makes a log readable: what follows the first record that cannot be
// read is moved aside. The library would delete it. A record at the end that was
// never finished is no damage: it was not acknowledged.
func (s *Store) mendLog(dir string) error {
	segments, err := logSegments(dir)
	if err != nil {
		return err
	}
	d, err := findDamage(dir, segments)
	if err != nil || d == nil {
		return err
	}
	name := s.cfg.Now().UTC().Format("20060102T150405Z") + "-" + filepath.Base(dir)
	// After a write that failed, whatever follows was not acknowledged.
	lost := s.lostWrite() != nil
	if !d.after || lost {
		name += unfinished
	}
	moved, err := s.moveAside(dir, name, segments, d)
	if err != nil {
		return fmt.Errorf("set the damaged end of the log aside: %w", err)
	}
	if strings.HasSuffix(name, unfinished) {
		s.log.Warn("dropped a record that was never finished; it was not acknowledged",
			"log", dir, "segment", d.segment, "bytes", moved, "kept", name, "err", d.err)
		return s.pruneUnfinished()
	}
	s.log.Error("the log is damaged; what follows the damage was set aside and no samples are taken",
		"log", dir, "segment", d.segment, "offset", d.good, "bytes", moved, "err", d.err,
		"kept", filepath.Join(s.cfg.Dir, asideDir, name),
		"do", "check the disk, then create a file named "+acknowledgedName+" in that folder")
	return nil
}

// logSegments returns the numbers of a log's segments, without those that a
// checkpoint stands for, in order.
func logSegments(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read log folder: %w", err)
	}
	_, first, err := wlog.LastCheckpoint(dir)
	if err != nil {
		if !errors.Is(err, record.ErrNotFound) {
			return nil, fmt.Errorf("find checkpoint: %w", err)
		}
		first = -1
	}
	var segments []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > first {
			segments = append(segments, n)
		}
	}
	slices.Sort(segments)
	return segments, nil
}

// findDamage reads the segments and returns the first that cannot be read to its
// end, or nil.
func findDamage(dir string, segments []int) (*damage, error) {
	for i, n := range segments {
		d, err := readSegment(dir, n)
		if err != nil {
			return nil, err
		}
		if d == nil {
			continue
		}
		for _, later := range segments[i+1:] {
			info, err := os.Stat(wlog.SegmentName(dir, later))
			if err != nil {
				return nil, fmt.Errorf("look at log segment: %w", err)
			}
			d.after = d.after || info.Size() > 0
		}
		return d, nil
	}
	return nil, nil
}

// readSegment reads one segment and returns its damage, or nil.
func readSegment(dir string, n int) (*damage, error) {
	segment, err := wlog.OpenReadSegment(wlog.SegmentName(dir, n))
	if err != nil {
		return nil, fmt.Errorf("open log segment: %w", err)
	}
	buffered := wlog.NewSegmentBufReader(segment)
	defer buffered.Close()
	r := wlog.NewReader(buffered)
	d := &damage{segment: n}
	for r.Next() {
		d.good = r.Offset()
	}
	if d.err = r.Err(); d.err == nil {
		return nil, nil
	}
	d.after, err = readsOn(dir, n, d.good)
	return d, err
}

// readsOn reports whether a record begins somewhere behind the offset: anywhere
// on the same page, whose records follow each other, or at the beginning of a
// later one.
func readsOn(dir string, n int, offset int64) (bool, error) {
	segment, err := os.ReadFile(wlog.SegmentName(dir, n))
	if err != nil {
		return false, fmt.Errorf("read log segment: %w", err)
	}
	next := (offset/logPage + 1) * logPage
	for at := offset + 1; at < min(next, int64(len(segment))); at++ {
		if beginsRecord(segment[at:min(next, int64(len(segment)))]) {
			return true, nil
		}
	}
	for ; next < int64(len(segment)); next += logPage {
		if beginsRecord(segment[next:min(next+logPage, int64(len(segment)))]) {
			return true, nil
		}
	}
	return false, nil
}

// beginsRecord reports whether what is left of a page begins with the first part
// of a record: its type and compression, its length and its checksum, as
// Prometheus' tsdb/docs/format/wal.md has them.
func beginsRecord(page []byte) bool {
	const header, typeMask, full, first = 7, 7, 1, 2
	if len(page) <= header || page[0]&typeMask != full && page[0]&typeMask != first {
		return false
	}
	length := int(binary.BigEndian.Uint16(page[1:]))
	if length == 0 || header+length > len(page) {
		return false
	}
	sum := crc32.Checksum(page[header:header+length], crc32.MakeTable(crc32.Castagnoli))
	return sum == binary.BigEndian.Uint32(page[3:])
}

// moveAside moves what follows the damage, and the damage itself, into a folder
// of its own and returns how much that is. The log is cut last: after a crash in
// between it is done again.
func (s *Store) moveAside(dir, name string, segments []int, d *damage) (bytes int64, err error) {
	aside := filepath.Join(s.cfg.Dir, asideDir, name)
	if err := os.MkdirAll(aside, 0o750); err != nil {
		return 0, err
	}
	path := wlog.SegmentName(dir, d.segment)
	whole, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	end := fmt.Sprintf("%08d.from-%d", d.segment, d.good)
	if err := writeSynced(filepath.Join(aside, end), whole[d.good:]); err != nil {
		return 0, err
	}
	bytes = int64(len(whole)) - d.good
	moved := 1
	for _, n := range segments {
		if n <= d.segment {
			continue
		}
		later := wlog.SegmentName(dir, n)
		info, err := os.Stat(later)
		if err != nil {
			return 0, err
		}
		bytes, moved = bytes+info.Size(), moved+1
		if err := os.Rename(later, filepath.Join(aside, filepath.Base(later))); err != nil {
			return 0, err
		}
	}
	if err := s.report(aside, fmt.Sprintf("%d bytes of %d segments of the %s", bytes, moved,
		filepath.Base(dir))); err != nil {
		return 0, err
	}
	if err := os.Truncate(path, d.good); err != nil {
		return 0, err
	}
	return bytes, errors.Join(syncFile(path), syncDir(aside), syncDir(dir))
}

// report writes what was set aside into the folder that holds it.
func (s *Store) report(aside, what string) error {
	return writeSynced(filepath.Join(aside, reportName), []byte(what+"\n"))
}

// noteRepair is for what the library dropped by itself, from a record that reads
// well and says nothing.
func (s *Store) noteRepair(corruptions float64) error {
	aside := filepath.Join(s.cfg.Dir, asideDir, s.cfg.Now().UTC().Format("20060102T150405Z")+"-dropped")
	if err := os.MkdirAll(aside, 0o750); err != nil {
		return fmt.Errorf("note what the log lost: %w", err)
	}
	s.log.Error("the log had records that make no sense; it was cut there and no samples are taken",
		"kept", aside, "do", "create a file named "+acknowledgedName+" in that folder")
	return s.report(aside, fmt.Sprintf("an unknown number of bytes, at %.0f places,", corruptions))
}

// unread returns why no samples are taken because of damage that nobody has
// acknowledged, or nil.
func (s *Store) unread() error {
	entries, err := os.ReadDir(filepath.Join(s.cfg.Dir, asideDir))
	if err != nil {
		return nil // Mostly there is no such folder; a broken disk is found elsewhere.
	}
	for _, e := range entries {
		dir := filepath.Join(s.cfg.Dir, asideDir, e.Name())
		if _, err := os.Stat(filepath.Join(dir, acknowledgedName)); err == nil ||
			strings.HasSuffix(e.Name(), unfinished) {
			continue
		}
		what, err := os.ReadFile(filepath.Join(dir, reportName))
		if err != nil {
			continue // It was not finished; the log is whole still.
		}
		e := invoq.Errorf(invoq.KindUnavailable,
			"the log of samples was damaged: %s were set aside in %s; no samples are taken "+
				"until a file named %s is there", strings.TrimSpace(string(what)),
			filepath.Join(asideDir, e.Name()), acknowledgedName)
		e.RetryAfter = troubleRetry
		return e
	}
	return nil
}

// pruneUnfinished keeps the newest of the unfinished records.
func (s *Store) pruneUnfinished() error {
	all, err := filepath.Glob(filepath.Join(s.cfg.Dir, asideDir, "*"+unfinished))
	if err != nil {
		return fmt.Errorf("list unfinished records: %w", err)
	}
	slices.Sort(all)
	for _, old := range all[:max(0, len(all)-keptUnfinished)] {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("delete unfinished record: %w", err)
		}
	}
	return nil
}

// writeSynced writes a file that is on disk when it returns.
func writeSynced(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o640); err != nil {
		return err
	}
	return syncFile(path)
}

// syncFile has a file's content on disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// troubleRetry is when senders are asked to come again while something is mended.
const troubleRetry = 10 * time.Second
