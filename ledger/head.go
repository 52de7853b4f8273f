package ledger

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Head says what the book was at a time: how many entries it had and the root
// of the tree over them. Two heads of which the smaller is no beginning of the
// larger are the proof of a forgery.
type Head struct {
	Size int64
	Root tlog.Hash
	Time time.Time // UTC, whole seconds
}

// text is the head in the form of a checkpoint of a transparency log
// (c2sp.org/tlog-checkpoint), whose extension line is the time.
func (h Head) text(origin string) string {
	return fmt.Sprintf("%s\n%d\n%s\n%s\n", origin, h.Size, h.Root, h.Time.UTC().Format(time.RFC3339))
}

// Signer signs heads with an Ed25519 key. It is safe for concurrent use.
type Signer struct{ s note.Signer }

// NewSigner reads a private key as GenerateKey makes it.
func NewSigner(private string) (*Signer, error) {
	s, err := note.NewSigner(strings.TrimSpace(private))
	if err != nil {
		return nil, fmt.Errorf("read the key of the ledger: %w", err)
	}
	return &Signer{s}, nil
}

// Sign returns the head as a signed note, which stands for itself: its first
// line is the name of the book.
func (s *Signer) Sign(h Head) (string, error) {
	b, err := note.Sign(&note.Note{Text: h.text(s.s.Name())}, s.s)
	if err != nil {
		return "", fmt.Errorf("sign the head of %d entries: %w", h.Size, err)
	}
	return string(b), nil
}

// Verifier checks signed heads by the public key. It is safe for concurrent
// use.
type Verifier struct{ v note.Verifier }

// NewVerifier reads a public key as GenerateKey makes it.
func NewVerifier(public string) (*Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return nil, fmt.Errorf("read the public key of the ledger: %w", err)
	}
	return &Verifier{v}, nil
}

// Open returns the head of a note, if our key has signed it for our book.
func (v *Verifier) Open(signed string) (Head, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(v.v))
	if err != nil {
		return Head{}, fmt.Errorf("check the signature of a head: %w", err)
	}
	return parseHead(v.v.Name(), n.Text)
}

// parseHead reads what text writes.
func parseHead(origin, text string) (Head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[0] != origin || lines[4] != "" {
		return Head{}, fmt.Errorf("the note is no head of the book %q", origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Head{}, fmt.Errorf("the head's size %q is no number of entries", lines[1])
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Head{}, fmt.Errorf("the head's root %q is no hash", lines[2])
	}
	at, err := time.Parse(time.RFC3339, lines[3])
	if err != nil {
		return Head{}, fmt.Errorf("the head's time %q is no time", lines[3])
	}
	return Head{Size: size, Root: tlog.Hash(root), Time: at.UTC()}, nil
}
