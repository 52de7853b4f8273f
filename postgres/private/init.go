package private

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// unfinished begins the name of a cluster while initdb is at it.
const unfinished = "data.new"

// createCluster makes the cluster of the home with a password of its own. It
// gets its name only when it is complete and on disk, so a crash at any point
// leaves nothing but a folder that the next call removes.
func createCluster(ctx context.Context, h home, bin binaries, a account, volatile bool) error {
	sweep(h)
	if err := writePassword(h, a); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(string(h), unfinished+"*") // 0700, as Postgres wants it
	if err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	defer sweep(h) // it has its name by then if all went well
	if err := a.own(dir); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	if err := initdb(ctx, h, bin, a, dir, volatile); err != nil {
		return err
	}
	if err := os.Rename(dir, h.data()); err != nil {
		return fmt.Errorf("name the new cluster: %w", err)
	}
	return syncDir(string(h))
}

// sweep removes unfinished clusters. What cannot be removed is left to the next
// start; it is in nobody's way.
func sweep(h home) {
	entries, _ := os.ReadDir(string(h))
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), unfinished) {
			_ = os.RemoveAll(filepath.Join(string(h), entry.Name()))
		}
	}
}

// initdb fills dir with a cluster.
func initdb(ctx context.Context, h home, bin binaries, a account, dir string, volatile bool) error {
	args := []string{
		"-D", dir, "--username=" + superuser, "--pwfile=" + h.password(),
		"--auth=scram-sha-256", "--data-checksums", "--no-instructions",
		// The C locale sorts by bytes, the same on every machine for ever: no
		// upgrade of a system library can break an index.
		"--encoding=UTF8", "--locale=C",
	}
	if volatile {
		args = append(args, "--no-sync")
	}
	c, err := launch(a.command(dir, bin.initdb(), args...), func(string) {})
	if err != nil {
		return err
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.stop(context.Background())
		_, _ = evict(context.Background(), h, steps) // the server it runs in the folder
	}
	c.drain()
	if ctx.Err() != nil {
		return fmt.Errorf("make the cluster: %w", ctx.Err())
	}
	if !c.state.Success() {
		return fmt.Errorf("make the cluster: initdb: %s: %s", c.state, c.words)
	}
	return nil
}

// writePassword makes the superuser's password. The account reads it once, in
// initdb, from a folder in which it cannot write.
func writePassword(h home, a account) error {
	temp := h.password() + ".new"
	err := os.Remove(temp) // of a crash
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = writeSynced(temp, rand.Text()+"\n")
	}
	if err == nil {
		err = a.own(temp)
	}
	if err == nil {
		err = os.Rename(temp, h.password())
	}
	if err != nil {
		return fmt.Errorf("make a password: %w", err)
	}
	return nil
}

// writeSynced makes a file that only its owner reads, and puts it on disk.
func writeSynced(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// readPassword returns the password that the cluster was made with.
func readPassword(h home) (string, error) {
	text, err := os.ReadFile(h.password())
	if err != nil {
		return "", fmt.Errorf("read the password of the private PostgreSQL, "+
			"which must be restored with its data: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
