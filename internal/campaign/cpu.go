package campaign

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every architecture
// that Go runs Linux on (proc(5), sysconf(3)).
const tick = 10 * time.Millisecond

// process is what /proc says of one process.
type process struct {
	parent    int
	own, dead time.Duration // CPU time, its own and of its children that have ended
}

// CPU returns the CPU time that a process has used, and that of its children,
// theirs and so on, those that have ended with them. It needs Linux's /proc.
func CPU(pid int) (own, below time.Duration, err error) {
	all := map[int]process{}
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("list processes: %w", err)
	}
	for _, path := range paths {
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue // It is no process.
		}
		if p, err := readProcess(path); err == nil { // It may have ended meanwhile.
			all[id] = p
		}
	}
	root, found := all[pid]
	if !found {
		return 0, 0, fmt.Errorf("process %d is not in /proc", pid)
	}
	below = root.dead
	for id, p := range all {
		if id != pid && descends(all, id, pid) {
			below += p.own + p.dead
		}
	}
	return root.own, below, nil
}

// descends reports whether a process is below another one.
func descends(all map[int]process, id, ancestor int) bool {
	for id > 1 && id != ancestor {
		id = all[id].parent // 0 where it is not known.
	}
	return id == ancestor
}

// readProcess reads a stat file, whose fields proc(5) numbers from 1: 4 is the
// parent, 14 to 17 are the CPU times.
func readProcess(path string) (process, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return process{}, fmt.Errorf("read process: %w", err)
	}
	// The second field is the name in brackets, with whatever it has in it.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var n [5]int
	for i, at := range []int{4, 14, 15, 16, 17} {
		if len(fields) < 18 {
			return process{}, fmt.Errorf("%s has %d fields", path, len(fields))
		}
		if n[i], err = strconv.Atoi(fields[at-3]); err != nil {
			return process{}, fmt.Errorf("read field %d of %s: %w", at, path, err)
		}
	}
	return process{n[0], time.Duration(n[1]+n[2]) * tick, time.Duration(n[3]+n[4]) * tick}, nil
}
