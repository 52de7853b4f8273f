package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"invoq"
	"invoq/access"
	"invoq/postgres"
)

// ownerKeyFile is where the first owner key is written, in the data folder.
const ownerKeyFile = "owner.key"

// ensureOwnerKey makes an owner key when there is none, or when another is
// asked for, and writes it to the data folder, readable by its owner only. It
// returns the file's path when a key was written.
func ensureOwnerKey(
	ctx context.Context,
	db *postgres.DB,
	pepper []byte,
	dir string,
	another bool,
) (string, error) {
	has, err := db.HasOwnerKey(ctx)
	if err != nil || has && !another {
		return "", err
	}
	secret := access.NewSecret()
	path := filepath.Join(dir, ownerKeyFile)
	// The file comes first: a key that is in force must not be lost.
	if err := writePrivate(path, secret.Reveal()+"\n"); err != nil {
		return "", fmt.Errorf("write owner key: %w", err)
	}
	_, err = db.CreateKey(ctx, invoq.Everyone(), access.Key{
		Name: "owner", Role: access.Owner, Prefix: secret.Prefix(), Hash: secret.Hash(pepper),
	})
	return path, err
}

// adoptOwnerKey takes the key in a file for an owner key, so that a deployment
// can know it before the first start.
func adoptOwnerKey(ctx context.Context, db *postgres.DB, pepper []byte, path string) error {
	secret, err := readKey(path)
	if err != nil {
		return fmt.Errorf("read %s: %w; make one with invoq keygen", path, err)
	}
	_, err = db.FindKey(ctx, secret.Prefix())
	if invoq.KindOf(err) != invoq.KindNotFound {
		return err
	}
	_, err = db.CreateKey(ctx, invoq.Everyone(), access.Key{
		Name: "owner", Role: access.Owner, Prefix: secret.Prefix(), Hash: secret.Hash(pepper),
	})
	return err
}

// writePrivate writes a file that only its owner can read, all or nothing.
func writePrivate(path, content string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// readKey returns the key in a file.
func readKey(path string) (access.Secret, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return access.Secret{}, fmt.Errorf("read key: %w", err)
	}
	return access.ParseSecret(strings.TrimSpace(string(b)))
}
