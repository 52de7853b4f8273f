package private

import (
	"context"
	"fmt"
	"os"
	"time"
)

// cluster is what can be started: a home and, once prepared, binaries that fit
// its data, a user to run them, and a folder for the socket.
type cluster struct {
	home     home
	volatile bool
	journal  *journal

	bin       binaries
	account   account
	socketDir string // "" until made
	password  string
}

// prepare makes of the home all that a start needs, and ends what an invoq that
// was killed left there. The caller holds the lock.
func (c *cluster) prepare(ctx context.Context, binDir string) error {
	n, err := evict(ctx, c.home, steps)
	if err != nil {
		return err
	}
	if n > 0 {
		c.journal.log.Warn("ended an orphaned postgres", "processes", n)
	}
	major, err := clusterMajor(c.home)
	if err != nil {
		return err
	}
	if c.bin, err = choose(binDir, places, major); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	if major == 0 {
		if err := createCluster(ctx, c.home, c.bin, c.account, c.volatile); err != nil {
			return err
		}
	}
	c.password, err = readPassword(c.home)
	return err
}

// settle finds the user to run as and sees that it can work where it must.
func (c *cluster) settle() (err error) {
	if c.account, err = chooseAccount(c.home); err != nil {
		return err
	}
	if c.socketDir, err = openSocketDir(c.home, c.account, os.TempDir()); err != nil {
		return err
	}
	for _, dir := range []string{string(c.home), c.socketDir} {
		if err := c.account.prove(c.bin, dir); err != nil {
			return err
		}
	}
	return nil
}

// start starts a postmaster on the cluster, which nobody else uses, and returns
// it when it is ready.
func (c *cluster) start(ctx context.Context) (*child, error) {
	begun := time.Now()
	if err := c.account.own(c.home.data()); err != nil {
		return nil, fmt.Errorf("own the cluster: %w", err)
	}
	if err := clearSocket(c.socketDir); err != nil {
		return nil, err
	}
	postmaster, err := c.launch(ctx)
	if err == nil {
		c.journal.log.Info("started postgres", "version", c.bin.major,
			"pid", postmaster.process.Pid, "dur", time.Since(begun))
	}
	return postmaster, err
}

func (c *cluster) launch(ctx context.Context) (*child, error) {
	args := []string{"-D", c.home.data()}
	for _, s := range settings(c.home, c.socketDir, c.volatile) {
		args = append(args, "-c", s)
	}
	cmd := c.account.command(c.home.data(), c.bin.postgres(), args...)
	postmaster, err := launch(cmd, c.journal.add)
	if err != nil {
		return nil, err
	}
	if err := awaitReady(ctx, c.socketDir, c.password, postmaster.ended); err != nil {
		postmaster.stop(ctx)
		postmaster.drain()
		return nil, fmt.Errorf("%w; its last words: %s", err, postmaster.words)
	}
	return postmaster, nil
}

// bury waits for the rest of a dead postmaster: its backends and its log. It
// returns the death as an error.
func (c *cluster) bury(ctx context.Context, postmaster *child) error {
	c.journal.quiet.Store(true)
	defer c.journal.quiet.Store(false)
	n, err := evict(ctx, c.home, steps)
	postmaster.drain()
	if err != nil {
		return err
	}
	return fmt.Errorf("PostgreSQL ended: %s, %d backends left behind; its last words: %s",
		postmaster.state, n, postmaster.words)
}

// shutdown ends the postmaster, if there is one, and everything else that runs
// on the cluster.
func (c *cluster) shutdown(patience context.Context, postmaster *child) error {
	begun := time.Now()
	c.journal.quiet.Store(true)
	if postmaster != nil {
		signal := postmaster.stop(patience)
		postmaster.drain()
		c.journal.log.Info("stopped postgres", "signal", signal.String(), "dur", time.Since(begun))
	}
	_, err := evict(context.Background(), c.home, steps)
	return err
}

// close removes the socket's folder if it is not in the home.
func (c *cluster) close() {
	if c.socketDir != "" && c.socketDir != c.home.run() {
		_ = os.Remove(c.socketDir) // it is empty; if not, the next start uses it
	}
}
