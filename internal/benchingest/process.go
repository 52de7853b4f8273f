package benchingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ticksPerSecond is the unit of /proc's times: USER_HZ, 100 on every Linux that
// Go runs on.
const ticksPerSecond = 100

// process is a server that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan error
	log   lockedBuffer
}

// startProcess starts a program.
func startProcess(name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), ended: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %q: %w", name, err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	return p, nil
}

// stop ends the process as a service manager would, and waits for it.
func (p *process) stop(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			return fmt.Errorf("%s ended with %w:\n%s", p.cmd.Path, err, p.log.String())
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", p.cmd.Path, ctx.Err())
	}
}

// usage is the CPU time of the process and, apart, of its descendants.
type usage struct{ own, others time.Duration }

// usage reads the times of the process and of those it has started, the ended
// ones included.
func (p *process) usage() (usage, error) {
	all, err := statOfAll()
	if err != nil {
		return usage{}, err
	}
	own, found := all[p.cmd.Process.Pid]
	if !found {
		return usage{}, fmt.Errorf("%s has ended:\n%s", p.cmd.Path, p.log.String())
	}
	u := usage{own: own.used, others: own.reaped}
	for pid := range all {
		if pid != p.cmd.Process.Pid && descends(all, pid, p.cmd.Process.Pid) {
			u.others += all[pid].used + all[pid].reaped
		}
	}
	return u, nil
}

// stat is what /proc says of a process: see proc(5).
type stat struct {
	parent       int
	used, reaped time.Duration
}

// statOfAll reads all processes of the machine.
func statOfAll() (map[int]stat, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return nil, errors.New("CPU times are read from /proc, which is not here")
	}
	all := map[int]stat{}
	for _, name := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		if b, err := os.ReadFile(name); err == nil { // Others may have ended since.
			all[pid] = parseStat(string(b))
		}
	}
	return all, nil
}

// parseStat reads the fields behind the name, which may hold anything.
func parseStat(text string) stat {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const parent, userTime = 1, 11
	if len(fields) < userTime+4 {
		return stat{}
	}
	var s stat
	s.parent, _ = strconv.Atoi(fields[parent])
	ticks := func(i int) time.Duration {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		return time.Duration(n) * time.Second / ticksPerSecond
	}
	s.used = ticks(userTime) + ticks(userTime+1)
	s.reaped = ticks(userTime+2) + ticks(userTime+3)
	return s
}

// descends reports whether the process was started by the other one, or by one
// that was.
func descends(all map[int]stat, pid, from int) bool {
	for range len(all) {
		if pid = all[pid].parent; pid == from {
			return true
		}
	}
	return false
}

// peakMemory returns the most memory the process has held, in bytes.
func (p *process) peakMemory() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read peak memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read peak memory: %w", err)
	}
	return kib << 10, nil
}

// folderSize returns how many bytes the files below the folder have.
func folderSize(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure folder: %w", err)
	}
	return sum, nil
}

// lockedBuffer keeps what a process says.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps b.
func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// String returns what was said.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
