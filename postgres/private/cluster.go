package private

import (
	"context"
	"fmt"
	"os"
	"time"
)

// cluster is a home that is ready to be started: it has data, binaries that
// fit, a user to run them, and a folder for the socket.
type cluster struct {
	home      home
	bin       binaries
	account   account
	password  string
	socketDir string
	volatile  bool
	journal   *journal
}

// openCluster makes of the home all that a start needs, and ends what an invoq
// that was killed left there. The caller holds the lock.
func openCluster(ctx context.Context, h home, cfg Config) (*cluster, error) {
	n, err := evict(ctx, h, steps)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		cfg.Logger.Warn("ended an orphaned postgres", "processes", n)
	}
	major, err := clusterMajor(h)
	if err != nil {
		return nil, err
	}
	c := &cluster{home: h, volatile: cfg.Volatile, journal: &journal{log: cfg.Logger}}
	if c.bin, err = choose(cfg.BinDir, places, major); err != nil {
		return nil, err
	}
	if c.account, err = chooseAccount(h); err != nil {
		return nil, err
	}
	if c.socketDir, err = openSocketDir(h, c.account, os.TempDir()); err != nil {
		return nil, err
	}
	for _, dir := range []string{string(h), c.socketDir} {
		if err := c.account.prove(c.bin, dir); err != nil {
			return nil, err
		}
	}
	if major == 0 {
		if err := createCluster(ctx, h, c.bin, c.account, c.volatile); err != nil {
			return nil, err
		}
	}
	c.password, err = readPassword(h)
	return c, err
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
	if c.socketDir != c.home.run() {
		_ = os.Remove(c.socketDir) // it is empty; if not, the next start uses it
	}
}
