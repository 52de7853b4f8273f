package private

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// evictPoll is how often evict looks whether the processes have ended.
const evictPoll = 20 * time.Millisecond

// evict ends every process that a dead parent or a killed postmaster left in
// the home, step by step, returns how many there were, and clears what would
// make Postgres believe that one still runs. The caller holds the lock of the
// home and has no child in it.
func evict(ctx context.Context, h home, steps []step) (int, error) {
	pids := processes(h)
	n := len(pids)
	for _, s := range steps {
		targets := pids
		if s.signal == syscall.SIGINT {
			targets = postmasterAmong(pids, h)
		}
		if len(targets) == 0 {
			continue
		}
		if err := signalAll(targets, s.signal); err != nil {
			return n, err
		}
		var err error
		if pids, err = outlast(ctx, h, s.grace); err != nil {
			return n, fmt.Errorf("wait for an orphaned PostgreSQL to end: %w", err)
		}
	}
	if len(pids) > 0 {
		return n, fmt.Errorf("processes %v of an orphaned PostgreSQL in %q do not end", pids, h)
	}
	return n, clearPIDFile(h)
}

// postmasterAmong returns the postmaster if it is one of the processes. SIGINT
// is for it alone: a backend takes it for the cancellation of its query, and
// without a postmaster there is nothing to be gentle with.
func postmasterAmong(pids []int, h home) []int {
	if pid := postmasterPID(h); slices.Contains(pids, pid) {
		return []int{pid}
	}
	return nil
}

// outlast waits until the home has no processes, at most for the grace, and
// returns those that are left.
func outlast(ctx context.Context, h home, grace time.Duration) ([]int, error) {
	for late := time.After(grace); ; {
		pids := processes(h)
		if len(pids) == 0 {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return pids, ctx.Err()
		case <-late:
			return pids, nil
		case <-time.After(evictPoll):
		}
	}
}

// signalAll errs when a process may not be signalled by us: it was started by
// another user.
func signalAll(pids []int, signal syscall.Signal) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end the orphaned PostgreSQL process %d with %q: %w", pid, signal, err)
		}
	}
	return nil
}

// clearPIDFile removes a postmaster.pid that would keep Postgres from starting
// although no server of this cluster runs: it was torn by a crash, or its
// number is that of a zombie nobody reaps, or of a stranger after a reboot. A
// number that is dead is left to Postgres, which checks more than we do.
func clearPIDFile(h home) error {
	pid := postmasterPID(h)
	if pid > 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil
	}
	if err := os.Remove(h.pidFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the stale lock of PostgreSQL: %w", err)
	}
	return nil
}

// postmasterPID reads the first line of postmaster.pid, which is negative for
// a single-user server; 0 if there is none to read.
func postmasterPID(h home) int {
	text, err := os.ReadFile(h.pidFile())
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	return max(pid, -pid)
}
