package ledger

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
)

// Names of what stands in the ledger's folder, outside the database.
const (
	privateKeyFile = "ledger.key"
	publicKeyFile  = "ledger.pub"
	headsFile      = "heads.txt"
)

// Folder is where the book's key and signed heads are kept, apart from the
// database: who can rewrite the one cannot thereby rewrite the other.
type Folder string

// Verifier returns the verifier of the folder's public key. It is
// fs.ErrNotExist where no book has been kept.
func (d Folder) Verifier() (*Verifier, error) {
	b, err := os.ReadFile(filepath.Join(string(d), publicKeyFile))
	if err != nil {
		return nil, fmt.Errorf("read the public key of the ledger: %w", err)
	}
	return NewVerifier(string(b))
}

// Signer returns the signer of the folder's private key, which it makes on the
// first call, for a book of the given name.
func (d Folder) Signer(name string) (*Signer, error) {
	path := filepath.Join(string(d), privateKeyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.makeKeys(name); err != nil {
			return nil, err
		}
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the ledger: %w", err)
	}
	return NewSigner(string(b))
}

// makeKeys writes a new pair of keys, the private one last and exclusively: a
// folder with a private key has both, and a key is never replaced.
func (d Folder) makeKeys(name string) error {
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return fmt.Errorf("make the key of the ledger: %w", err)
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("create the ledger's folder: %w", err)
	}
	if err := writeNew(filepath.Join(string(d), publicKeyFile), public+"\n", 0o644); err != nil {
		return err
	}
	if err := writeNew(filepath.Join(string(d), privateKeyFile), private+"\n", 0o600); err != nil {
		return err
	}
	return syncDir(string(d))
}

// writeNew writes a file that does not exist and syncs it.
func writeNew(path, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write the key of the ledger: %w", err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the key of the ledger: %w", err)
	}
	return nil
}

// syncDir makes new names in a folder survive a power loss.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open %q: %w", dir, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %q: %w", dir, err)
	}
	return nil
}
