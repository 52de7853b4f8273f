package ledger

import (
	"bufio"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxHeadBytes bounds one line of the file of heads.
const maxHeadBytes = 64 << 10

// HeadFile is the file of signed heads, to which is only appended. One writer
// may have it open.
type HeadFile struct {
	f *os.File
}

// OpenHeads opens the folder's file of heads for appending. What a crash has
// left half written at the end is ended, and read as no head.
func (d Folder) OpenHeads() (*HeadFile, error) {
	f, err := os.OpenFile(
		filepath.Join(string(d), headsFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the file of heads: %w", err)
	}
	if err := syncDir(string(d)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// A line that a crash has torn is ended: an empty line more does no harm.
	if _, err := f.WriteString("\n"); err != nil {
		return nil, errors.Join(fmt.Errorf("open the file of heads: %w", err), f.Close())
	}
	return &HeadFile{f}, nil
}

// Append writes a signed note and syncs it. Each note is preceded by a line
// that no note begins with, so that a torn one cannot swallow the next.
func (h *HeadFile) Append(signed string) error {
	if _, err := h.f.WriteString(headMark + "\n" + signed); err != nil {
		return fmt.Errorf("append a head: %w", err)
	}
	if err := h.f.Sync(); err != nil {
		return fmt.Errorf("sync the file of heads: %w", err)
	}
	return nil
}

// Close closes the file.
func (h *HeadFile) Close() error { return h.f.Close() }

// headMark is the line before each note.
const headMark = "---"

// SignedNotes returns the notes of the folder's file of heads, oldest first,
// as they stand there. A folder without the file has none.
func (d Folder) SignedNotes() ([]string, error) {
	f, err := os.Open(filepath.Join(string(d), headsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the file of heads: %w", err)
	}
	defer f.Close()
	var notes []string
	var note strings.Builder
	flush := func() {
		if text := strings.TrimRight(note.String(), "\n"); text != "" {
			notes = append(notes, text+"\n")
		}
		note.Reset()
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxHeadBytes)
	for lines.Scan() {
		if lines.Text() == headMark {
			flush()
			continue
		}
		note.WriteString(lines.Text() + "\n")
	}
	flush()
	if err := lines.Err(); err != nil {
		return notes, fmt.Errorf("read the file of heads: %w", err)
	}
	return notes, nil
}

// lastHead returns the last whole head of the file, if it has one.
func (d Folder) lastHead() (Head, bool, error) {
	notes, err := d.SignedNotes()
	if err != nil || len(notes) == 0 {
		return Head{}, false, err
	}
	v, err := d.Verifier()
	if err != nil {
		return Head{}, false, err
	}
	for _, note := range slices.Backward(notes) {
		if torn(note) {
			continue
		}
		h, err := v.Open(note)
		return h, err == nil, err
	}
	return Head{}, false, nil
}

// torn reports whether a note was not written to its end: a crash came before
// the sync, and so before anything relied on it.
func torn(note string) bool {
	_, signature, _ := strings.Cut(note, "\n\n")
	fields := strings.Fields(signature)
	if len(fields) != 3 || fields[0] != "—" {
		return true
	}
	sum, err := base64.StdEncoding.DecodeString(fields[2])
	return err != nil || len(sum) != 4+ed25519.SignatureSize // The key's hash comes first.
}
